"""``python -m examples.weather ISSUER CLIENT_ID CLIENT_SECRET``: the application on port 8100.

Register it first, where Ostiary runs in development mode:

    ostiary clients create Weather --redirect-uri http://localhost:8100/callback \\
        --set post_logout_redirect_uris='["http://localhost:8100/"]' \\
        --set backchannel_logout_uri=http://localhost:8100/backchannel
"""

from __future__ import annotations

import sys

import uvicorn

from examples.weather.app import Weather

PORT = 8100

if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    uvicorn.run(Weather(sys.argv[1], f"http://localhost:{PORT}", sys.argv[2], sys.argv[3]).app, port=PORT)
