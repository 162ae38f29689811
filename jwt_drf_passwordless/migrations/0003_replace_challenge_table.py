"""Replace the table of the 0.x versions, whose codes were in clear; users are not touched."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jwt_drf_passwordless", "0002_alter_passwordlesschallengetoken_id_and_more"),
    ]

    operations = [
        migrations.DeleteModel(
            name="PasswordlessChallengeToken",
        ),
        migrations.CreateModel(
            name="PasswordlessChallengeToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=64, unique=True)),
                ("purpose", models.CharField(max_length=32)),
                ("token_request_identifier", models.CharField(max_length=255, verbose_name="field")),
                ("identifier", models.CharField(max_length=255)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="jwt_drf_passwordless_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("short_digest", models.CharField(blank=True, max_length=64)),
                ("long_digest", models.CharField(max_length=64, null=True, unique=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("sends", models.PositiveIntegerField(default=0)),
                ("next_send_at", models.DateTimeField()),
                ("uses", models.PositiveIntegerField(default=0)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("nonce", models.CharField(blank=True, max_length=64)),
                ("provider", models.CharField(blank=True, max_length=64)),
                ("verification_id", models.CharField(blank=True, max_length=255)),
            ],
            options={
                "verbose_name": "passwordless challenge",
                "verbose_name_plural": "passwordless challenges",
            },
        ),
    ]
