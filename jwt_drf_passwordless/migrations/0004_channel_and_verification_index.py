"""The channel of a vendor's message, and an index by which webhooks find their challenge."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("jwt_drf_passwordless", "0003_replace_challenge_table"),
    ]

    operations = [
        migrations.AddField(
            model_name="passwordlesschallengetoken",
            name="channel",
            field=models.CharField(blank=True, default="", max_length=16),
            preserve_default=False,
        ),
        migrations.AddIndex(
            model_name="passwordlesschallengetoken",
            index=models.Index(fields=["verification_id"], name="jwt_drf_passwordless_vid"),
        ),
    ]
