from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin

from accounts.models import User


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Django's own, for the fields of our model."""

    fieldsets = [
        (None, {"fields": ["email", "phone_number", "name", "password"]}),
        ("Permissions", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["email", "phone_number", "name", "usable_password", "password1", "password2"]}),
    ]
    list_display = ["__str__", "email", "phone_number", "name", "is_staff"]
    search_fields = ["email", "phone_number", "name"]
    ordering = ["-date_joined"]
