"""Webhooks about products as platforms post them: their documented shapes, values made up here.

Shopify: shopify.dev/docs/api/webhooks (products/update, inventory_levels/update).
WooCommerce: developer.woocommerce.com/docs/apis/rest-api/v3/products.
"""

from datetime import datetime, timedelta
from typing import Any

from tests.unit.ingesting import NOON
from tests.unit.platforms import changed

DAY = timedelta(days=1)

SHOPIFY_VARIANT: dict[str, Any] = {
    "admin_graphql_api_id": "gid://shopify/ProductVariant/6001",
    "barcode": None,
    "compare_at_price": None,
    "created_at": "2026-01-02T10:00:00+01:00",
    "id": 6001,
    "inventory_policy": "deny",
    "inventory_management": "shopify",
    "position": 1,
    "price": "645.00",
    "product_id": 5001,
    "sku": "DELLEN-BLUE",
    "taxable": True,
    "title": "Blue",
    "updated_at": "2026-03-04T12:00:00+01:00",
    "option1": "Blue",
    "option2": None,
    "option3": None,
    "image_id": None,
    "inventory_item_id": 7001,
    "inventory_quantity": 5,
    "old_inventory_quantity": 5,
}
SHOPIFY_PRODUCT: dict[str, Any] = {
    "admin_graphql_api_id": "gid://shopify/Product/5001",
    "body_html": "<p>Warm, and <strong>made to last</strong>.</p>",
    "created_at": "2026-01-02T10:00:00+01:00",
    "handle": "dellen-jumper",
    "id": 5001,
    "product_type": "Jumpers",
    "published_at": "2026-01-02T10:00:00+01:00",
    "template_suffix": None,
    "title": "Dellen jumper",
    "updated_at": "2026-03-04T12:00:00+01:00",
    "vendor": "Hallgrens Ylle",
    "status": "active",
    "published_scope": "web",
    "tags": "wool",
    "variants": [
        SHOPIFY_VARIANT,
        SHOPIFY_VARIANT
        | {"id": 6002, "sku": "DELLEN-RED", "title": "Red", "inventory_item_id": 7002,
           "inventory_quantity": 0, "position": 2},
    ],
    "options": [{"id": 1, "product_id": 5001, "name": "Colour", "position": 1,
                 "values": ["Blue", "Red"]}],
    "images": [{"id": 1, "product_id": 5001, "position": 1, "alt": None, "width": 800,
                "height": 800, "src": "https://cdn.example/dellen.jpg", "variant_ids": []}],
    "image": {"id": 1, "product_id": 5001, "position": 1, "alt": None, "width": 800,
              "height": 800, "src": "https://cdn.example/dellen.jpg", "variant_ids": []},
    "media": [],
    "variant_gids": [
        {"admin_graphql_api_id": "gid://shopify/ProductVariant/6001",
         "updated_at": "2026-03-04T11:00:00.000Z"},
        {"admin_graphql_api_id": "gid://shopify/ProductVariant/6002",
         "updated_at": "2026-03-04T11:00:00.000Z"},
    ],
    "has_variants_that_requires_components": False,
    "category": None,
}  # fmt: skip
INVENTORY_LEVEL: dict[str, Any] = {
    "inventory_item_id": 7001,
    "location_id": 1,
    "available": 5,
    "updated_at": "2026-03-04T12:00:00+01:00",
    "admin_graphql_api_id": "gid://shopify/InventoryLevel/1?inventory_item_id=7001",
}
WOO_PRODUCT: dict[str, Any] = {
    "id": 5001,
    "name": "Dellen jumper",
    "slug": "dellen-jumper",
    "permalink": "https://butik.hallgrensylle.example/product/dellen-jumper/",
    "date_created": "2026-01-02T10:00:00",
    "date_created_gmt": "2026-01-02T09:00:00",
    "date_modified": "2026-03-04T12:00:00",
    "date_modified_gmt": "2026-03-04T11:00:00",
    "type": "variable",
    "status": "publish",
    "featured": False,
    "catalog_visibility": "visible",
    "description": "<p>Warm, and made to last.</p>",
    "short_description": "",
    "sku": "DELLEN",
    "price": "645.00",
    "regular_price": "645.00",
    "sale_price": "",
    "date_on_sale_from": None,
    "date_on_sale_from_gmt": None,
    "date_on_sale_to": None,
    "date_on_sale_to_gmt": None,
    "on_sale": False,
    "purchasable": True,
    "total_sales": 12,
    "virtual": False,
    "downloadable": False,
    "tax_status": "taxable",
    "tax_class": "",
    "manage_stock": True,
    "stock_quantity": 5,
    "backorders": "no",
    "backorders_allowed": False,
    "backordered": False,
    "stock_status": "instock",
    "weight": "",
    "parent_id": 0,
    "categories": [{"id": 9, "name": "Jumpers", "slug": "jumpers"}],
    "brands": [{"id": 3, "name": "Hallgrens Ylle", "slug": "hallgrens-ylle"}],
    "tags": [],
    "images": [{"id": 1, "src": "https://cdn.example/dellen.jpg", "name": "", "alt": ""}],
    "attributes": [],
    "variations": [6001, 6002],
    "grouped_products": [],
    "menu_order": 0,
    "meta_data": [],
}


def at(later: timedelta) -> str:
    """Tell an instant so much later than noon, as Shopify writes it: in whole seconds."""
    return (NOON + later).isoformat(timespec="seconds")


def shopify_product(*counts: int, later: timedelta, **changes: Any) -> dict[str, Any]:
    """Make a product with so many of each variant, as it was so much later than noon."""
    variants = [
        SHOPIFY_VARIANT
        | {"id": 6001 + n, "inventory_item_id": 7001 + n, "sku": f"D-{n}", "inventory_quantity": c}
        for n, c in enumerate(counts)
    ]
    said = {"variants": variants, "variant_gids": [], "updated_at": at(later)}
    return changed(SHOPIFY_PRODUCT, **(said | changes))


def level(available: int | None, *, later: timedelta, place: int = 1, n: int = 0) -> dict[str, Any]:
    """Make a count of the n-th variant at a place."""
    return changed(INVENTORY_LEVEL, available=available, location_id=place,
                   inventory_item_id=7001 + n, updated_at=at(later))  # fmt: skip


def woo_product(stock_status: str, *, later: timedelta, **changes: Any) -> dict[str, Any]:
    """Make a product as it was so much later than noon."""
    modified: datetime = NOON + later
    said = {
        "stock_status": stock_status,
        "stock_quantity": 5 if stock_status == "instock" else 0,
        "date_modified_gmt": modified.replace(tzinfo=None).isoformat(timespec="seconds"),
    }
    return changed(WOO_PRODUCT, **(said | changes))
