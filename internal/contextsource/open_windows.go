package contextsource

const openNonblock = 0 // there are no pipes among files
