//go:build !unix

package network

import (
	"errors"
	"net"
)

func inherited(string) (net.Listener, error) {
	return nil, errors.ErrUnsupported
}
