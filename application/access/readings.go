package access

import (
	"strings"
)

// cutEnding gives a path without the file ending of its last segment, and the
// ending; empty where there is none.
func cutEnding(path string) (short, ending string) {
	slash := strings.LastIndexByte(path, '/')
	dot := strings.LastIndexByte(path, '.')
	if slash < 0 || dot <= slash+1 {
		return path, ""
	}
	return path[:dot], path[dot:]
}
