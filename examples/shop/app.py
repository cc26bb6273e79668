"""The shop: pages with a cart in session data, a page for shopkeepers, and a JSON API that takes bearer tokens."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl

import msgspec
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from examples.shop.stock import MAX_EACH, Order, Product, Stock
from ostiary import dev_settings
from ostiary.accounts import Account
from ostiary.authorization import RoleCreate
from ostiary.errors import Conflict
from ostiary.integrations.fastapi import Auth, Caller, CallerSession

NAME = "Wick & Lantern"
DATA = Path(os.environ.get("SHOP_DATA", ".shop"))
PORT = int(os.environ.get("SHOP_PORT", "8001"))
HERE = Path(__file__).parent

settings = msgspec.structs.replace(dev_settings(DATA, PORT, path="/auth"), site_name=NAME)
auth = Auth(settings)
stock = Stock()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Ostiary is open by now, so the shop can see to its own role."""
    role = RoleCreate("shopkeeper", "Keeps the shelves of the shop.", ("products.update", "orders.read"))
    with suppress(Conflict):  # it is there since the first start
        await auth.ostiary.use.roles.create(auth.ostiary.operator(), role)
    yield


app = FastAPI(title=NAME, lifespan=lifespan)
auth.mount(app)
app.mount("/static", StaticFiles(directory=HERE / "static"))
templates = Jinja2Templates(HERE / "templates")
templates.env.filters["money"] = lambda cents: f"€ {cents / 100:,.2f}"

# Who may come in. Each is written once, and reads as a type in the routes below.
Anyone = Annotated[Caller, Depends(auth.caller)]
SignedIn = Annotated[Caller, Depends(auth.signed_in)]
Shopkeeper = Annotated[Caller, Depends(auth.require("products.update"))]
# Behind the counter whoever proved themselves long ago does it once more, and comes back: the screen may be somebody
# else's by now. A program that is asked to gets 401 `insufficient_user_authentication` (RFC 9470) instead of a page.
behind_the_counter = auth.require("products.update", max_age=15 * 60)
Attentive = Annotated[Caller, Depends(behind_the_counter)]


@dataclass
class Visitor:
    """Whoever looks at a page, and what every page shows of them."""

    caller: Caller
    account: Account | None
    cart: dict[str, int]
    csrf_token: str
    shopkeeper: bool


async def visitor(caller: Anyone, csrf_token: Annotated[str, Depends(auth.csrf_token)]) -> Visitor:
    account = None if caller.kind == "anonymous" else await auth.account(caller)
    shopkeeper = await caller.decide("products.update")
    return Visitor(caller, account, await cart_of(caller), csrf_token, shopkeeper.allowed)


async def form(request: Request) -> dict[str, str]:
    """The fields of a form, which Ostiary has found to be one of the shop's own."""
    return dict(parse_qsl((await request.body()).decode(errors="replace")))


Visiting = Annotated[Visitor, Depends(visitor)]
Form = Annotated[dict[str, str], Depends(form)]


async def cart_of(caller: Caller) -> dict[str, int]:
    """How many of each product the caller's session holds; what is not sold any more is left out."""
    if caller.session is None:
        return {}
    kept: dict[str, int] = (await caller.session.data.read()).data.get("cart", {})
    return {product_id: count for product_id, count in kept.items() if product_id in stock.products}


async def browser(caller: Anyone) -> CallerSession:
    """The browser that a cart is kept for, whether or not somebody has signed in there."""
    if caller.session is None:
        raise HTTPException(400, "A program has no cart: it orders by POST /api/orders.")
    return caller.session


Browser = Annotated[CallerSession, Depends(browser)]


def page(request: Request, template: str, visitor: Visitor, **context: object) -> HTMLResponse:
    shared = {"shop": NAME, "visitor": visitor, "products": stock.products}
    return templates.TemplateResponse(request, template, shared | context)


def go(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303)


def product_of(product_id: str) -> Product:
    if product_id not in stock.products:
        raise HTTPException(404, "There is no such product.")
    return stock.products[product_id]


# Pages


@app.get("/", include_in_schema=False)
async def shelves(request: Request, visitor: Visiting) -> HTMLResponse:
    return page(request, "shelves.html", visitor)


@app.get("/cart", include_in_schema=False)
async def cart(request: Request, visitor: Visiting) -> HTMLResponse:
    return page(request, "cart.html", visitor, total=stock.total(visitor.cart))


@app.post("/cart/{product_id}", include_in_schema=False)
async def add(product_id: str, caller: Anyone, session: Browser) -> RedirectResponse:
    product = product_of(product_id)
    count = (await cart_of(caller)).get(product.id, 0) + 1
    await session.data.change({"cart": {product.id: min(count, MAX_EACH)}})
    return go(f"/#{product.id}")


@app.post("/cart/{product_id}/remove", include_in_schema=False)
async def remove(product_id: str, session: Browser) -> RedirectResponse:
    await session.data.change({"cart": {product_id: None}})
    return go("/cart")


@app.post("/checkout", include_in_schema=False)
async def checkout(caller: SignedIn, session: Browser) -> RedirectResponse:
    items = await cart_of(caller)
    if items:
        stock.order(caller.require_account(), items)
        await session.data.change({"cart": None})
    return go("/orders")


@app.get("/orders", include_in_schema=False, dependencies=[Depends(auth.signed_in)])
async def orders(request: Request, visitor: Visiting) -> HTMLResponse:
    return page(request, "orders.html", visitor, orders=stock.orders_of(visitor.caller.require_account()))


@app.get("/admin", include_in_schema=False, dependencies=[Depends(behind_the_counter)])
async def admin(request: Request, visitor: Visiting) -> HTMLResponse:
    return page(request, "admin.html", visitor, orders=list(reversed(stock.orders)))


@app.post("/admin/{product_id}", include_in_schema=False)
async def reprice(product_id: str, caller: Attentive, fields: Form) -> RedirectResponse:
    try:
        price = NewPrice(cents=round(float(fields.get("price", "")) * 100))
    except (ValueError, OverflowError):
        raise HTTPException(422, "A price is a number above zero.") from None
    stock.price(product_of(product_id).id, price.cents)
    return go("/admin")


# JSON API


class NewPrice(BaseModel):
    cents: int = Field(gt=0, lt=10_000_000)


class NewOrder(BaseModel):
    items: dict[str, Annotated[int, Field(gt=0, le=MAX_EACH)]] = Field(min_length=1, max_length=20)


@app.get("/api/products")
async def list_products() -> list[Product]:
    return list(stock.products.values())


@app.patch("/api/products/{product_id}")
async def change_product(product_id: str, price: NewPrice, caller: Shopkeeper) -> Product:
    return stock.price(product_of(product_id).id, price.cents)


@app.get("/api/orders")
async def list_orders(caller: SignedIn) -> list[Order]:
    return stock.orders_of(caller.require_account())


@app.post("/api/orders", status_code=201)
async def place_order(new: NewOrder, caller: SignedIn) -> Order:
    for product_id in new.items:
        product_of(product_id)
    return stock.order(caller.require_account(), new.items)
