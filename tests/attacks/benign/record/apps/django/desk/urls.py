from django.contrib import admin
from django.urls import path

from . import api, reports, views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/<str:kind>/", api.Many.as_view()),
    path("api/<str:kind>/import/", api.bring_in),
    path("api/<str:kind>/update/", api.update_many),
    path("api/<str:kind>/export/", api.export),
    path("api/<str:kind>/<int:pk>/", api.One.as_view()),
    path("reports/<str:name>/", reports.report),
    path("shop/", views.shop),
    path("orders/<int:pk>/pay/", views.pay),
    path("basket/", views.basket),
    path("forum/", views.forum),
    path("forum/<int:pk>/", views.topic),
    path("forum/search/", views.search),
    path("tickets/new/", views.ticket),
    path("tickets/<uuid:number>/", views.show_ticket),
]
