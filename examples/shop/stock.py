"""What there is to buy, and what has been bought. In memory, for an example; of people it knows their account's id."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

MAX_EACH = 20


@dataclass(frozen=True)
class Product:
    """``cents`` is the price of one; ``shape`` and ``glow`` are how its picture is drawn."""

    id: str
    name: str
    text: str
    cents: int
    shape: str
    glow: str


@dataclass(frozen=True)
class Order:
    """``items`` is how many of each product, by the product's id; ``cents`` what they cost when they were bought."""

    number: int
    account_id: str
    items: dict[str, int]
    cents: int


class Stock:
    """The shelves and the order book."""

    def __init__(self) -> None:
        self.products = {product.id: product for product in _SHELF}
        self.orders: list[Order] = []
        self._numbers = itertools.count(1001)

    def total(self, items: dict[str, int]) -> int:
        """What ``items`` cost now, in cents."""
        return sum(self.products[product_id].cents * count for product_id, count in items.items())

    def order(self, account_id: str, items: dict[str, int]) -> Order:
        """Buy ``items``, which name products that there are."""
        order = Order(next(self._numbers), account_id, items, self.total(items))
        self.orders.append(order)
        return order

    def orders_of(self, account_id: str) -> list[Order]:
        """The account's orders, newest first."""
        return [order for order in reversed(self.orders) if order.account_id == account_id]

    def price(self, product_id: str, cents: int) -> Product:
        """Give a product another price."""
        product = self.products[product_id] = replace(self.products[product_id], cents=cents)
        return product


_SHELF = [
    Product(
        "storm", "Storm lantern", "Burns on through a gale. Galvanised steel, cotton wick.", 4900, "storm", "#ffb347"
    ),
    Product("harbour", "Harbour light", "Brass, with a lens that throws green to starboard.", 12900, "ship", "#7fe0a8"),
    Product("paper", "Paper moon", "Mulberry paper on a bamboo hoop. Folds flat.", 1800, "paper", "#ffd9a0"),
    Product("taper", "Beeswax tapers", "A dozen, dipped by hand, eight hours each.", 2400, "candle", "#ffcf5c"),
    Product(
        "signal", "Signal lamp", "Red glass and a shutter, for what must be said at night.", 8600, "ship", "#ff7a66"
    ),
    Product("reading", "Reading lantern", "Sits by the bed and minds its own business.", 6200, "storm", "#ffe2b8"),
]
