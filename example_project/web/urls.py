from django.urls import path

from web import views

urlpatterns = [
    path("", views.page, name="index"),
    path("inbox/", views.inbox_page, name="inbox"),
    path("inbox/messages/", views.inbox_messages, name="inbox_messages"),
]
