"""The products of the shop: their texts, prices and stock, and which of them go together."""
