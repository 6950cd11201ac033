package localca

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gatehousehq/gatehouse/store"
)

const (
	// keyFile holds the root's certificate and private key.
	keyFile = "local-authority-key.pem"
	// CertificateFile holds the root's certificate, to hand to other devices.
	CertificateFile = "local-authority.crt"
	// maxRootFile is far above what a root and its key need.
	maxRootFile = 64 << 10

	storeKind = "transport.localca"
	storeKey  = "root"
)

var (
	errNoRoot     = errors.New("no root yet")
	errRootExists = errors.New("a root exists")
)

// A place keeps the root's text.
type place interface {
	// read returns errNoRoot where there is none.
	read(context.Context) ([]byte, error)
	// create returns errRootExists where there is one already.
	create(ctx context.Context, secret, public []byte) error
	replace(ctx context.Context, secret, public []byte) error
	String() string
}

func placeFor(o Options) (place, error) {
	switch {
	case o.Dir != "":
		return dirPlace{dir: o.Dir, log: o.Logger}, nil
	case o.Store != nil:
		return storePlace{o.Store}, nil
	}
	return nil, errNoPlace
}

type dirPlace struct {
	dir string
	log *slog.Logger
}

func (p dirPlace) String() string { return filepath.Join(p.dir, keyFile) }

func (p dirPlace) read(context.Context) ([]byte, error) {
	info, err := os.Stat(p.String())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoRoot
	}
	if err != nil {
		return nil, fmt.Errorf("local authority: %w", err)
	}
	if info.Size() > maxRootFile {
		return nil, fmt.Errorf("local authority: %s is not a root: it is %d bytes long", p, info.Size())
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		p.log.Warn("the local authority's key can be read by others; run: chmod 600 "+p.String(), "mode", info.Mode().Perm().String())
	}
	text, err := os.ReadFile(p.String())
	if err != nil {
		return nil, fmt.Errorf("local authority: %w", err)
	}
	return text, nil
}

func (p dirPlace) create(_ context.Context, secret, public []byte) error {
	return p.write(secret, public, linkOrRename)
}

// linkOrRename fails where to exists, except on file systems without links,
// where the last of two processes that begin at once wins.
func linkOrRename(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(from, to)
}

func (p dirPlace) replace(_ context.Context, secret, public []byte) error {
	return p.write(secret, public, os.Rename)
}

// write makes a whole file under another name and puts it in place at once, so
// that a crash leaves the old root or the new one, never half of one.
func (p dirPlace) write(secret, public []byte, put func(from, to string) error) error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return fmt.Errorf("local authority: making its folder: %w", err)
	}
	err := p.writeFile(secret, p.String(), put)
	if errors.Is(err, fs.ErrExist) {
		return errRootExists
	}
	if err != nil {
		return fmt.Errorf("local authority: writing its root: %w", err)
	}
	if err := p.writeFile(public, filepath.Join(p.dir, CertificateFile), os.Rename); err != nil {
		return fmt.Errorf("local authority: writing its certificate: %w", err)
	}
	return nil
}

func (p dirPlace) writeFile(text []byte, to string, put func(from, to string) error) error {
	// CreateTemp gives 0600.
	f, err := os.CreateTemp(p.dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return put(f.Name(), to)
}

type storePlace struct{ store store.Store }

func (storePlace) String() string { return "the store" }

func (p storePlace) read(ctx context.Context) ([]byte, error) {
	r, err := p.store.Get(ctx, storeKind, storeKey)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNoRoot
	}
	if err != nil {
		return nil, fmt.Errorf("local authority: reading its root: %w", err)
	}
	return r.Value, nil
}

func (p storePlace) create(ctx context.Context, secret, _ []byte) error {
	err := store.Swap(ctx, p.store, store.Record{Kind: storeKind, Key: storeKey, Value: secret})
	if errors.Is(err, store.ErrConflict) {
		return errRootExists
	}
	if err != nil {
		return fmt.Errorf("local authority: writing its root: %w", err)
	}
	return nil
}

func (p storePlace) replace(ctx context.Context, secret, _ []byte) error {
	if err := store.Put(ctx, p.store, store.Record{Kind: storeKind, Key: storeKey, Value: secret}); err != nil {
		return fmt.Errorf("local authority: writing its root: %w", err)
	}
	return nil
}
