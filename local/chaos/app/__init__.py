"""A function app: the product's own, made fragile. The functions host loads it as `function_app`."""
