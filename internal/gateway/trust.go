package gateway

import (
	"context"
	"path/filepath"

	"github.com/gatehousehq/gatehouse/transport/localca"
	"github.com/gatehousehq/gatehouse/transport/trust"
)

// AuthorityRoot gives the local authority's certificate in PEM, making the
// authority where there is none, and the file where it lies.
func AuthorityRoot(ctx context.Context, stateDir string) (pem []byte, file string, err error) {
	authority, err := localca.Open(ctx, localca.Options{Dir: filepath.Join(stateDir, AuthorityFolder)})
	if err != nil {
		return nil, "", err
	}
	return authority.RootPEM(), filepath.Join(stateDir, AuthorityFolder, localca.CertificateFile), nil
}

// Trust has this machine trust the local authority, or trust it no longer. The
// lines say what was done and what to do next.
func Trust(ctx context.Context, stateDir string, install bool) ([]string, error) {
	pem, file, err := AuthorityRoot(ctx, stateDir)
	if err != nil {
		return nil, err
	}
	stores, err := trust.New(trust.Options{CertificateFile: file})
	if err != nil {
		return nil, err
	}
	if install {
		return stores.Install(ctx, pem)
	}
	return stores.Remove(ctx, pem)
}
