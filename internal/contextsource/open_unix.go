//go:build !windows

package contextsource

import "syscall"

const openNonblock = syscall.O_NONBLOCK
