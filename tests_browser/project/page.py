"""A page with the script of docs/passkeys.md, word for word."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "passkeys.md"
SCRIPT = re.search(r"```js\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)[1]
PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Sign in</title><link rel="icon" href="data:,"></head>
<body><input name="username" autocomplete="username webauthn"><script>{SCRIPT}</script></body>
</html>
"""
