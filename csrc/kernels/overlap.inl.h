/* Adding overlapping pieces. Included with the names of kernels/template.h set.

   to[i * step ...] += from[i * pitch ...], `length` elements each, for i = 0 .. count - 1 in order. */
static void KERNEL(overlap)(void *to_, int64_t step, const void *from_, int64_t pitch, int64_t length, int64_t count) {
    ELEM *to = to_;
    const ELEM *from = from_;
    for (int64_t i = 0; i < count; i++, to += step, from += pitch) {
        int64_t j = 0;
        for (; j + VL <= length; j += VL) {
            V(store)(to + j, V(add)(V(load)(to + j), V(load)(from + j)));
        }
        if (j < length) {
            const int64_t rest = length - j;
            V(store_n)(to + j, V(add)(V(load_n)(to + j, rest), V(load_n)(from + j, rest)), rest);
        }
    }
}
