/* One conversion from elements as they are stored: included with STORED, its token, and STORED_TYPE set; unsets both. A
   plain loop, which compilers make vectors of. */

static void KERNEL(WIDEN_NAME(STORED))(void *to_, const void *from_, int64_t n) {
    ELEM *restrict to = to_;
    const STORED_TYPE *restrict from = from_;
    for (int64_t i = 0; i < n; i++) {
        to[i] = (ELEM)from[i];
    }
}

#undef STORED
#undef STORED_TYPE
