"""An application that signs people in through Ostiary: OpenID Connect by code with PKCE, and back-channel sign-out."""
