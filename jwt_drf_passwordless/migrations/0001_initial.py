"""The table of the package's 0.x versions, kept so that projects that have it can migrate."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="PasswordlessChallengeToken",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                # A TextField in 0.x, which MySQL cannot make unique; 0002 turns it into this all the same.
                ("token", models.CharField(max_length=255, unique=True)),
                ("short_token", models.TextField()),
                ("created_at", models.DateTimeField(auto_now=True)),
                ("uses", models.IntegerField(default=0)),
                ("token_request_identifier", models.TextField()),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="jwt_drf_passwordless_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
