"""Phones that are a second factor."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("jwt_drf_passwordless", "0004_channel_and_verification_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="PhoneDevice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=32, verbose_name="phone number")),
                ("provider", models.CharField(max_length=64)),
                ("vendor_user_id", models.CharField(blank=True, max_length=64)),
                ("confirmed_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="jwt_drf_passwordless_phone",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "phone as second factor",
                "verbose_name_plural": "phones as second factor",
            },
        ),
    ]
