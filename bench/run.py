"""``make bench ARGS="question …"``: every question, or those named, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

QUESTIONS = (
    "sign_in",
    "who_am_i",
    "api_key",
    "totp",
    "token_verification",
    "role_decision",
    "subject_decision",
    "relation_decision",
    "policy_decision",
    "access_evaluation",
    "authorization_server",
    "what_can",
    "model_memory",
    "registrations",
    "account_import",
    "session_read",
    "session_memory",
    "footprint",
)


def _ask(question: str) -> int:
    return subprocess.run([sys.executable, "-m", f"bench.{question}"], check=False).returncode


def main() -> int:
    chosen = sys.argv[1:] or QUESTIONS
    failed = [question for question in chosen if _ask(question)]
    if failed:
        print("did not run: " + ", ".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
