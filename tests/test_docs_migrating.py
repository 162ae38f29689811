"""The pages in docs/migrating/ that lead here from other packages, walked in projects as those have left them.

The other packages are not installed: what stands for them has their tables and labels, written by hand.
"""

import django
import pytest

from tests.pages import ROOT, Walk

pytestmark = pytest.mark.standalone

SETTINGS = """
INSTALLED_APPS += ["rest_framework", "rest_framework.authtoken", "shop"]
AUTH_USER_MODEL = "shop.Customer"
"""
# From Django 6.1 on a new project prints its mails, and has another setting for that.
SETTINGS += "" if django.VERSION >= (6, 1) else 'EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"\n'
MODELS = """
from django.contrib.auth.models import AbstractUser
from django.db import models


class Customer(AbstractUser):
"""
#: As the last migration of drfpasswordless 1.5.9 leaves them.
CALLBACK_TOKEN = """
import uuid

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            "CallbackToken",
            [
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("is_active", models.BooleanField(default=True)),
                ("to_alias", models.CharField(blank=True, max_length=254)),
                ("to_alias_type", models.CharField(blank=True, max_length=20)),
                ("key", models.CharField(max_length=6)),
                ("type", models.CharField(max_length=20)),
                ("user", models.ForeignKey(to=settings.AUTH_USER_MODEL, on_delete=models.CASCADE)),
            ],
        ),
    ]
"""
#: As the model of djoser-passwordless.
CHALLENGE_TOKEN = """
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            "PasswordlessChallengeToken",
            [
                ("id", models.AutoField(primary_key=True)),
                ("token", models.TextField(unique=True)),
                ("short_token", models.TextField()),
                ("created_at", models.DateTimeField(auto_now=True)),
                ("uses", models.IntegerField(default=0)),
                ("token_request_identifier", models.TextField()),
                ("user", models.ForeignKey(null=True, to=settings.AUTH_USER_MODEL, on_delete=models.CASCADE)),
            ],
        ),
    ]
"""


@pytest.fixture
def walk(tmp_path):
    with Walk(tmp_path, project="config") as walk:
        yield walk


def write(walk, path, text):
    file = walk.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as opened:
        opened.write(text)


def tell(walk, statements):
    """What statements of Python print in the project."""
    begin = "from django.db import connection\nfrom rest_framework.authtoken.models import Token\n"
    begin += "from shop.models import Customer\nmake = Customer.objects.create_user\ncursor = connection.cursor()\n"
    (walk.folder / "statements.py").write_text(begin + statements)
    return walk.run("python manage.py shell -v 0 -c \"exec(open('statements.py').read())\"").strip()


def prepare(walk, columns, statements, app=None, migration=None):
    """The project before the move: columns of the user model, statements that make rows, and the other package."""
    write(walk, "shop/models.py", MODELS + "".join(f"    {column}\n" for column in columns))
    write(walk, "shop/migrations/__init__.py", "")
    write(walk, "config/settings.py", SETTINGS)
    if app:
        write(walk, f"{app}/migrations/__init__.py", "")
        write(walk, f"{app}/migrations/0001_initial.py", migration)
        write(walk, "config/settings.py", f'INSTALLED_APPS += ["{app}"]\n')
    commands = "from django.core.management import call_command\n"
    commands += 'call_command("makemigrations", "shop", verbosity=0)\ncall_command("migrate", verbosity=0)\n'
    tell(walk, commands + statements)


def page(name):
    return (ROOT / "docs" / "migrating" / f"{name}.md").read_text()


def test_a_project_moves_from_drfpasswordless(walk):
    columns = [
        "mobile = models.CharField(max_length=40, unique=True, null=True, blank=True)",
        "email_verified = models.BooleanField(default=False)",
        "mobile_verified = models.BooleanField(default=False)",
    ]
    statements = """
ada = make("ada", "Ada@Example.com", mobile="(201) 555-0123")
make("grace", "grace@example.com", mobile="none")
make("eve", "eve@example.com", mobile="+12015550199")
make("mallory", "mallory@example.com", mobile="201-555-0199")
make("tom", "tom@example.com", mobile="201-555-0188")
make("jerry", "jerry@example.com", mobile="(201) 555-0188")
make("bob", "bob@example.com")
make("robert", "Bob@example.com")
Token.objects.create(user=ada, key="k" * 40)
cursor.execute(
    "INSERT INTO drfpasswordless_callbacktoken (id, created_at, is_active, to_alias, to_alias_type, key, type, user_id)"
    " VALUES ('0', '2026-01-01', 1, '', '', '123456', 'AUTH', %s)", [ada.pk]
)
"""
    prepare(walk, columns, statements, "drfpasswordless", CALLBACK_TOKEN)

    walk.page(page("from-drfpasswordless"))

    facts = """
print(*Customer.objects.order_by("pk").values_list("mobile", flat=True), sep=", ")
print(*Customer.objects.values_list("email_verified", "mobile_verified").get(username="ada"))
ada = Customer.objects.get(username="ada")
ada.email = "lovelace@example.com"
ada.save()
print(*Customer.objects.values_list("email_verified", "mobile_verified").get(username="ada"))
print("drfpasswordless_callbacktoken" in connection.introspection.table_names(), Token.objects.get().key)
"""
    assert tell(walk, facts).splitlines() == [
        "+12015550123, none, +12015550199, 201-555-0199, 201-555-0188, (201) 555-0188, None, None",
        "True True",
        "False True",
        f"False {'k' * 40}",
    ]


def test_a_project_moves_from_djoser_passwordless(walk):
    columns = ["phone_number = models.CharField(max_length=40, unique=True, null=True, blank=True)"]
    statements = """
ada = make("ada", "ada@example.com", phone_number="+12015550123")
cursor.execute(
    "INSERT INTO djoser_passwordless_passwordlesschallengetoken"
    " (token, short_token, created_at, uses, token_request_identifier, user_id)"
    " VALUES ('a', '123456', '2026-01-01', 0, 'email', %s)", [ada.pk]
)
"""
    prepare(walk, columns, statements, "djoser_passwordless", CHALLENGE_TOKEN)

    walk.page(page("from-djoser-passwordless"))

    facts = """
cursor.execute("SELECT name FROM django_migrations WHERE app = 'djoser_passwordless'")
print(cursor.fetchall(), [name for name in connection.introspection.table_names() if name.startswith("djoser")])
"""
    assert tell(walk, facts) == "[] []"


def test_a_project_moves_from_authy_and_from_django_two_factor_auth(walk):
    columns = [f"{name} = models.CharField(max_length=40, blank=True)" for name in ("authy_phone", "authy_id")]
    # The columns of django-two-factor-auth 1.18.1 and django-otp 1.7.5 that are read.
    statements = """
make("ada", "ada@example.com", "correct horse battery", authy_phone="+12015550123", authy_id="42")
make("grace", "grace@example.com", authy_phone="2015550123", authy_id="43")
make("hedy", "hedy@example.com", authy_id="44")
make("eve", "eve@example.com", authy_phone="+12015550123")
bob, tom, wendy, kim, nils = [make(name) for name in ("bob", "tom", "wendy", "kim", "nils")]
columns = "id integer PRIMARY KEY, name varchar(64), confirmed bool, user_id integer"
totp = ", key varchar(80), step integer, t0 integer, digits integer, last_t integer"
tables = {"two_factor_phonedevice": ", number varchar(128)", "otp_totp_totpdevice": totp, "otp_email_emaildevice": ""}
for table, more in tables.items():
    cursor.execute(f"CREATE TABLE {table} ({columns}{more})")
for row in [(1, "backup", 1, "+12015550188"), (2, "default", 1, "+12015550177"), (3, "default", 0, "+12015550166")]:
    cursor.execute("INSERT INTO two_factor_phonedevice VALUES (%s, %s, %s, %s, %s)", [*row[:3], bob.pk, row[3]])
for user, confirmed, digits in [(tom, 1, 6), (wendy, 1, 8), (nils, 0, 6)]:
    cursor.execute(
        "INSERT INTO otp_totp_totpdevice VALUES (NULL, 'default', %s, %s, %s, 30, 0, %s, -1)",
        [confirmed, user.pk, "3132333435363738393031323334353637383930", digits],
    )
cursor.execute("INSERT INTO otp_email_emaildevice VALUES (1, 'default', 1, %s)", [kim.pk])
"""
    prepare(walk, columns, statements)

    walk.page(page("from-authy"))

    facts = """
from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.testing import totp_code
from jwt_drf_passwordless.two_factor.eligibility import factors_of, has_factor
from jwt_drf_passwordless.two_factor.totp import TotpFactor
print(list(PhoneDevice.objects.order_by("pk").values_list("user__username", "number", "vendor_user_id")))
print(*[user.username for user in Customer.objects.order_by("pk") if not has_factor(user)])
tom = Customer.objects.get(username="tom")
print(*[factor.name for factor in factors_of(tom)])
print(TotpFactor().verify(tom, None, totp_code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")))
"""
    refused = ["('grace', '', '43')", "('hedy', '', '44')", "('kim', '', '')", "('wendy', '', '')"]
    phones = ["('ada', '+12015550123', '42')", *refused[:2], "('bob', '+12015550177', '')", *refused[2:]]
    assert tell(walk, facts).splitlines() == [f"[{', '.join(phones)}]", "eve nils", "totp", "True"]
