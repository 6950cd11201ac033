package throttle_test

import "os"

// long reports whether the long runs are wanted.
func long() bool { return os.Getenv("GATEHOUSE_LONG") == "1" }
