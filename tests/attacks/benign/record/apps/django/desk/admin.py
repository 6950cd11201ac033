from django.contrib import admin

from . import models


class LineInline(admin.TabularInline):
    model = models.OrderLine
    extra = 1
    raw_id_fields = ("product",)


class PostInline(admin.StackedInline):
    model = models.Post
    extra = 1


@admin.register(models.Category)
class CategoryAdmin(admin.ModelAdmin):
    list_display = ("name", "parent", "rank")
    search_fields = ("name", "parent__name")
    list_editable = ("rank",)


@admin.register(models.Tag)
class TagAdmin(admin.ModelAdmin):
    search_fields = ("name",)


@admin.register(models.Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("name", "email", "city", "joined", "active")
    list_filter = ("active", "city", "joined")
    search_fields = ("name", "=email", "^city", "notes")
    date_hierarchy = "joined"


@admin.register(models.Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("name", "sku", "price", "stock", "category", "active")
    list_filter = ("active", "category", "released", "tags")
    search_fields = ("name", "sku", "description", "category__name", "tags__name")
    autocomplete_fields = ("category",)
    filter_horizontal = ("tags",)
    list_select_related = ("category",)


@admin.register(models.Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ("id", "customer", "status", "total", "created")
    list_filter = ("status", "created", "customer__city")
    search_fields = ("customer__name", "note")  # Django joins a to-many relation again for each word
    inlines = (LineInline,)
    raw_id_fields = ("customer",)
    date_hierarchy = "created"


@admin.register(models.Topic)
class TopicAdmin(admin.ModelAdmin):
    list_display = ("title", "author", "category", "pinned", "views")
    list_filter = ("pinned", "category")
    search_fields = ("title", "author")
    inlines = (PostInline,)


@admin.register(models.Ticket)
class TicketAdmin(admin.ModelAdmin):
    list_display = ("subject", "state", "priority", "user", "opened")
    list_filter = ("state", "priority", "user")
    search_fields = ("subject", "body", "statement", "user__username")
    list_editable = ("state", "priority")
    actions = ("close",)

    @admin.action(description="Close the selected tickets")
    def close(self, request, queryset):
        queryset.exclude(state="closed").update(state="closed")
