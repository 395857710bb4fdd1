"""The storefront service: products, orders and stock of a small online shop."""
