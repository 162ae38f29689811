"""Settings of the site. The tests set its origins once they know its port."""

SECRET_KEY = "a key for tests in the browser only, of more than fifty characters"
ALLOWED_HOSTS = ["localhost"]
DEBUG = True

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "phonenumber_field",
    "jwt_drf_passwordless",
]
ROOT_URLCONF = "tests_browser.project.urls"
STATIC_URL = "/static/"  # the live server asks for it
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SMS_BACKEND = "sms.backends.locmem.SmsBackend"
USE_TZ = True

JWT_DRF_PASSWORDLESS = {
    "TOKEN_REQUEST_THROTTLE_SECONDS": 0,
    "TWO_FACTOR": {
        "factors": [
            "jwt_drf_passwordless.two_factor.passkey.factor.PasskeyFactor",
            "jwt_drf_passwordless.two_factor.phone.factor.PhoneFactor",
        ],
        "passkey": {"rp_id": "localhost", "rp_name": "The Shop"},
    },
}
