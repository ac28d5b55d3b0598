"""What the package does with Keras networks: walk, copy, cut and freeze them."""
