"""Pages that are run: a walk does what a page says, block by block, in a new project, with a server of its own.

| block | what the walk does |
|---|---|
| `sh` | runs each line; sends a `curl`, with what answers and mails have brought for CODE, TICKET and others |
| `json` | compares the answer of the `curl` before it: keys, values, and the status that the text around names |
| `python`, `html` | adds it to the file that its first line names: dates ahead, a hash as printed; `check` is silent |
| `text` | finds it in what the last command or the server has printed |

Any other block fails the walk, so that no block of a page is left out.
"""

import http.client
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import django

ROOT = Path(__file__).parent.parent
ORIGIN = "http://127.0.0.1:8000"
FENCE = re.compile(r"^( *)```([a-z]+)\n(.*?)^ *```$", flags=re.MULTILINE | re.DOTALL)
#: What a page writes for what is another in each run: the end of a token, a time to wait.
VARYING = re.compile(r"\.\.\.|\b\d+(?= seconds)")


@dataclass
class Block:
    """A fenced block, and the text between it and the one before."""

    language: str
    text: str
    before: str

    @property
    def path(self):
        """Of the first line: `# shop/views.py`, `<!-- templates/login.html -->`, `{# templates/mail.txt #}`."""
        found = re.match(r"(?:{?#|<!--) ([\w/]+\.\w+)", self.text)
        return found and found[1]


def blocks(text):
    """All fenced blocks of a page."""
    found, end = [], 0
    for match in FENCE.finditer(text):
        code = re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)
        found.append(Block(match[2], code, text[end : match.start()]))
        end = match.end()
    return found


def code(text, language="python"):
    """The texts of the blocks in one language."""
    return [block.text for block in blocks(text) if block.language == language]


def section(text, heading):
    """The text below a heading, up to the next one of its level."""
    level = heading.split(" ")[0]
    return re.split(rf"^{level} ", text.split(f"\n{heading}\n")[1], flags=re.MULTILINE)[0]


def parse_curl(command):
    """Method, URL, headers and body, or None, of what a curl command sends."""
    words = shlex.split(command.replace("\\\n", " "))
    options = {"-X": "GET", "-d": None}
    headers, url = {}, None
    names = {"--request": "-X", "--header": "-H", "--data-raw": "-d"}
    rest = iter(word for word in words[1:] if word != "--location")
    for word in rest:
        if not word.startswith("-"):
            url = word
        elif (name := names.get(word, word)) == "-H":
            header, _, value = next(rest).partition(": ")
            headers[header] = value
        else:
            assert name in options, command
            options[name] = next(rest)
    return options["-X"], url, headers, options["-d"]


class Server:
    """`manage.py runserver` at a free port, and what its answers and messages have brought: ACCESS, CODE, TOKEN, ..."""

    def __init__(self, manage, environment, log):
        self.manage = manage
        self.environment = {**environment, "PYTHONUNBUFFERED": "1"}
        self.log = log
        self.known = {}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = None

    @property
    def printed(self):
        return self.log.read_text()

    def start(self):
        self.stop()
        with self.log.open("w") as file:
            command = [sys.executable, str(self.manage), "runserver", "--noreload", f"127.0.0.1:{self.port}"]
            self.process = subprocess.Popen(
                command, cwd=self.manage.parent, env=self.environment, stdout=file, stderr=file
            )
        deadline = time.monotonic() + 30
        while "Quit the server" not in self.printed:
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.05)
        assert "System check identified no issues" in self.printed, self.printed

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()

    def send(self, method, path, headers, body):
        """The status, and the JSON or None, of an answer."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        client.request(method, path, body, headers)
        answer = client.getresponse()
        content = answer.read()
        self.headers = answer.headers
        client.close()
        found = json.loads(content) if content else None
        if isinstance(found, dict):
            keys = found.keys() & {"access", "refresh", "ticket", "handle", "id"}
            self.known |= {key.upper(): found[key] for key in keys}
        # Django 6.1 prints long lines as quoted-printable.
        printed = self.printed.replace("=\n", "").replace("=3D", "=")
        for name, pattern in (("CODE", r"code is (\d{6})|^(\d{6}) is your"), ("TOKEN", r"#token=(\w+)()")):
            for match in re.finditer(pattern, printed, flags=re.MULTILINE):
                self.known[name] = match[1] or match[2]
        return answer.status, found

    def curl(self, command):
        """Do what a curl command says: status and JSON of the answer."""
        method, url, headers, body = parse_curl(command)
        for word, value in self.known.items():
            body = body and body.replace(f'"{word}"', json.dumps(value))
            headers = {name: header.replace(f"Bearer {word}", f"Bearer {value}") for name, header in headers.items()}
            url = url.replace(f"/{word}/", f"/{value}/")
        return self.send(method, url.removeprefix(ORIGIN), headers, body and body.encode())


def agree(shown, found):
    """Whether an answer is as a page shows it, where `...` stands for any text."""
    if isinstance(shown, dict) and isinstance(found, dict):
        return shown.keys() == found.keys() and all(agree(shown[key], found[key]) for key in shown)
    if isinstance(shown, list) and isinstance(found, list):
        return len(shown) == len(found) and all(map(agree, shown, found))
    if isinstance(shown, str) and isinstance(found, str):
        return re.fullmatch(".*".join(map(re.escape, VARYING.split(shown))), found) is not None
    return shown == found


class Walk:
    """Does what a page says in a folder; `project` is one that is there before the first block."""

    def __init__(self, folder, project=None):
        self.folder = folder
        # Not the suite's own settings, nor the versions that pip is held to for it.
        mine = ("DJANGO_", "PIP_CONSTRAINT")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
        self.environment = {**environment, "SECOND_FACTOR_KEY": "k" * 43}
        self.server = Server(folder / "manage.py", self.environment, folder / "server.log")
        self.answer = self.status = None
        self.changed = False
        self.before = self.printed = ""
        #: Each command that was run, as the page has it.
        self.commands = []
        if project:
            self.run(f"django-admin startproject {project} .")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()

    def page(self, text):
        """Do all blocks of a page."""
        for block in blocks(text):
            do = getattr(self, f"do_{block.language}", None)
            assert do, f"nothing here does a block of {block.language}: {block.text}"
            do(block)
        assert self.status in SHOWN, f"the page shows no answer to {self.commands[-1]}"
        if self.changed:
            self.settle()

    def do_sh(self, block):
        self.before = block.before
        for command in block.text.strip().replace("\\\n", "").splitlines():
            self.commands.append(command)
            if command.startswith("curl "):
                self.settle()
                assert self.status in SHOWN, f"the page shows no answer to {self.commands[-2]}"
                self.status, self.answer = self.server.curl(command)
                self.printed = self.server.printed
            elif "runserver" in command:
                self.settle()
            else:
                self.printed = self.run(command)

    def do_json(self, block):
        found, shown = self.answer, json.loads(block.text)
        assert agree(shown, found), (self.commands[-1], found)
        named = re.findall(r"[Ss]tatus (\d{3})", self.before + block.before) or ["200"]
        assert self.status == int(named[-1]), (self.commands[-1], self.status, found)
        self.status = None

    def do_python(self, block):
        assert block.path, f"no file is named by {block.text}"
        path = self.folder / block.path
        if block.path in ("settings.py", "urls.py"):
            (path,) = self.folder.glob(f"*/{block.path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        text = re.sub(r"\b20\d\d-\d\d-\d\d\b", str(date.today() + timedelta(days=30)), block.text)
        text = text.replace("pbkdf2_sha256$...", self.printed.strip())
        with path.open("a") as file:
            # Django has no other setting for mail before 6.1, and warns about it from then on.
            file.write("" if "EMAIL_BACKEND" in text and django.VERSION >= (6, 1) else f"\n{text}")
            if "\nJWT_DRF_PASSWORDLESS = {" in text:
                # Each page has parts of one dict.
                file.write(MERGE)
        self.changed = True

    do_html = do_python

    def do_text(self, block):
        lines = (".*".join(map(re.escape, VARYING.split(line.strip()))) for line in block.text.strip().splitlines())
        wanted = re.sub("CODE|TOKEN", r"\\w+", r"\s+".join(lines))
        assert re.search(wanted, self.printed), (block.text, self.printed)

    def settle(self):
        """The server runs the files as they are now; its check of the system finds nothing."""
        if self.changed or not self.server.process:
            self.changed = False
            self.server.start()

    def run(self, command):
        first, *rest = shlex.split(command)
        if first == "make":
            words, folder = ["make", "--dry-run", *rest], ROOT
        else:
            words, folder = [*START[first], *rest], self.folder
        # What is installed satisfies pip, which must not fetch anything; its own copy would take long.
        words += ["--no-index", "--dry-run"] if first == "pip" else []
        words += ["--without-pip"] if "venv" in rest else []
        done = subprocess.run(
            words, cwd=folder, env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert "does not provide the extra" not in done.stderr, command
        return done.stdout


#: After a part of the settings: those of before and these, of which dicts are merged.
MERGE = """
ALL = globals().get("ALL", {})
for key, value in JWT_DRF_PASSWORDLESS.items():
    ALL[key] = {**ALL.get(key, {}), **value} if isinstance(value, dict) else value
JWT_DRF_PASSWORDLESS = ALL
"""
#: The status of what needs no answer on the page: one that has been shown, or any that says yes.
SHOWN = (None, 200, 201, 204)
#: How a command begins in this environment.
START = {
    "python": [sys.executable],
    "python3": [sys.executable],
    "pip": [sys.executable, "-m", "pip"],
    "django-admin": [sys.executable, "-m", "django"],
    "source": ["sh", "-c", '. "$0"'],
}
