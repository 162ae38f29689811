"""Pages of docs/ that are walks: README's installation, and then each block of the page. What cannot be run fails."""

import http.client
import shutil

import pytest

from tests.pages import ROOT, Walk, code, section

pytestmark = pytest.mark.standalone

INSTALL = section((ROOT / "README.md").read_text(), "## Install it in your project")


def read(name):
    return (ROOT / "docs" / f"{name}.md").read_text()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A project after README's five steps."""
    folder = tmp_path_factory.mktemp("installed")
    with Walk(folder, project="config") as walk:
        walk.page(INSTALL)
    return folder


@pytest.fixture
def walk(installed, tmp_path):
    folder = shutil.copytree(installed, tmp_path / "project")
    with Walk(folder) as walk:
        yield walk


@pytest.mark.parametrize(
    "name", ["registration", "messages", "tokens", "howto/several-servers", "howto/app-review", "howto/second-factor"]
)
def test_each_block_of_the_page_works(walk, name):
    walk.page(read(name))


def test_the_limits_of_the_page_on_abuse_limit(walk):
    page = read("abuse")
    walk.page(page)
    request = next(command for command in walk.commands if "/request/email/" in command)
    statuses = [walk.server.curl(request.replace("ada@", f"u{number}@"))[0] for number in range(10)]
    assert statuses == [200] * 9 + [429]

    # Who has used up the limit shuts nobody else out.
    client = http.client.HTTPConnection("127.0.0.1", walk.server.port, timeout=20, source_address=("127.0.0.2", 0))
    body = '{"email": "grace@example.com"}'
    client.request("POST", "/passwordless/request/email/", body, {"Content-Type": "application/json"})
    assert client.getresponse().status == 200
    client.close()


def test_the_page_on_magic_links_works(walk):
    walk.page(read("howto/magic-links"))
    status, android = walk.server.send("GET", "/.well-known/assetlinks.json", {}, None)
    assert (status, android[0]["target"]["package_name"]) == (200, "com.example.shop")


def test_a_single_page_app_may_read_how_long_to_wait(walk):
    page = read("howto/single-page-app")
    walk.page(page.replace(f"```js\n{code(page, 'js')[0]}```", ""))
    headers = {"Origin": "https://app.example.com", "Content-Type": "application/json"}
    walk.server.send("POST", "/passwordless/request/email/", headers, '{"email": "ada@example.com"}')
    assert walk.server.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert walk.server.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert (
        walk.server.send(
            "POST", "/passwordless/request/email/", {"Origin": "https://evil.example"}, "email=a@b.example"
        )[0]
        == 415
    )
    assert "Access-Control-Allow-Origin" not in walk.server.headers


@pytest.mark.parametrize(
    "heading", ["## Django's model with a phone number", "## Without a user name, by a UUID, under other field names"]
)
def test_a_user_model_of_the_page_signs_in(tmp_path, heading):
    with Walk(tmp_path, project="config") as walk:
        walk.page("\n".join(f"```python\n{block}```\n" for block in code(INSTALL)))
        walk.page(section(read("howto/user-model"), heading))


def test_users_of_the_page_may_have_no_address(tmp_path):
    with Walk(tmp_path, project="config") as walk:
        walk.page("\n".join(f"```python\n{block}```\n" for block in code(INSTALL)))
        walk.page(section(read("howto/user-model"), "## Django's model with a phone number"))
        more = "[Customer.objects.create_user(name, phone_number=f'+1201555012{name}') for name in '45']"
        walk.run(f'python manage.py shell -c "from shop.models import Customer; {more}"')


def test_a_block_that_nothing_runs_fails(tmp_path):
    walk = Walk(tmp_path)
    with pytest.raises(AssertionError, match="nothing here does a block of toml"):
        walk.page("Text\n\n```toml\na = 1\n```\n")
