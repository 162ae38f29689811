"""The second and last migration of the package's 0.x versions."""

from django.db import migrations, models

MODEL = "passwordlesschallengetoken"


class Migration(migrations.Migration):
    dependencies = [("jwt_drf_passwordless", "0001_initial")]

    operations = [
        migrations.AlterField(
            MODEL,
            "id",
            models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
        ),
        migrations.AlterField(MODEL, "short_token", models.CharField(max_length=255)),
        migrations.AlterField(MODEL, "token", models.CharField(max_length=255, unique=True)),
        migrations.AlterField(MODEL, "token_request_identifier", models.CharField(max_length=255)),
    ]
