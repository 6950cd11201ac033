package localca_test

import (
	"crypto/x509"
	"encoding/base64"
	"net"
	"strings"
	"testing"
)

func decode64(t *testing.T, s string) []byte {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(s, "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func addName(c *x509.Certificate, name string) {
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = append(c.IPAddresses, ip)
		return
	}
	c.DNSNames = append(c.DNSNames, name)
}
