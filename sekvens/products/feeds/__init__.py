"""Feeds of products in the formats of Google Merchant Center and Shopify."""
