"""The weights of a size of model, by the formula."""


def parameters(size):
    """How many weights there are, the embeddings counted in and out."""
    attention = 2 * size.width**2 + 2 * size.width * size.kv_heads * size.head_width
    layer = attention + 3 * size.width * size.feed_forward + 2 * size.width
    return size.layers * layer + 2 * size.vocabulary * size.width + size.width
