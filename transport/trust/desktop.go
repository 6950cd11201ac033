package trust

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"path/filepath"
	"strings"
)

// keychain is macOS's list of the signed-in person, which takes no root: the
// system asks for the person's password itself. Firefox reads it as well.
type keychain struct{ s *Stores }

func (l keychain) file() string {
	return filepath.Join(l.s.o.Home, "Library", "Keychains", "login.keychain-db")
}

func (l keychain) install(ctx context.Context, a authority) (string, error) {
	err := withFile(a, func(file string) error {
		return l.s.run(ctx, "security", "add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", l.file(), file)
	})
	if err != nil {
		return "", err
	}
	return "Your login keychain trusts the local authority now. Restart the browser.", nil
}

func (l keychain) remove(ctx context.Context, a authority) (string, error) {
	// macOS names certificates by their SHA-1; nothing rests on its strength.
	sum := sha1.Sum(a.cert.Raw)
	if err := l.s.run(ctx, "security", "delete-certificate", "-t", "-Z", strings.ToUpper(hex.EncodeToString(sum[:])), l.file()); err != nil {
		return "", err
	}
	return "Your login keychain trusts the local authority no longer.", nil
}

// windowsRoot is Windows' list of the signed-in person, which takes no
// administrator: the system asks in a dialog. Firefox reads it as well.
type windowsRoot struct{ s *Stores }

func (l windowsRoot) install(ctx context.Context, a authority) (string, error) {
	err := withFile(a, func(file string) error {
		return l.s.run(ctx, "certutil.exe", "-user", "-addstore", "Root", file)
	})
	if err != nil {
		return "", err
	}
	return "Your account's root store trusts the local authority now. Restart the browser.", nil
}

func (l windowsRoot) remove(ctx context.Context, a authority) (string, error) {
	if err := l.s.run(ctx, "certutil.exe", "-user", "-delstore", "Root", hex.EncodeToString(a.cert.SerialNumber.Bytes())); err != nil {
		return "", err
	}
	return "Your account's root store trusts the local authority no longer.", nil
}
