package trust

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// anchors are the folders that Linux distributions read extra authorities
// from, with the command that makes them count. Fedora's stands first: it has
// Debian's folder too, and does not read it.
var anchors = []struct{ folder, ext, command, args string }{
	{"etc/pki/ca-trust/source/anchors", ".pem", "update-ca-trust", "extract"},
	{"usr/local/share/ca-certificates", ".crt", "update-ca-certificates", ""},
	{"etc/ca-certificates/trust-source/anchors", ".crt", "trust", "extract-compat"},
	{"etc/pki/trust/anchors", ".pem", "update-ca-certificates", ""},
}

// linux finds the one system list.
func (s *Stores) linux() ([]list, []string) {
	for _, a := range anchors {
		if info, err := os.Stat(s.path(a.folder)); err != nil || !info.IsDir() {
			continue
		}
		if _, err := s.o.LookPath(a.command); err != nil {
			continue
		}
		return []list{anchor{s: s, folder: s.path(a.folder), ext: a.ext, command: append([]string{a.command}, strings.Fields(a.args)...)}}, nil
	}
	return nil, []string{"The system has no list of authorities that Gatehouse knows (Debian: apt install ca-certificates)."}
}

type anchor struct {
	s       *Stores
	folder  string
	ext     string
	command []string
}

func (l anchor) install(ctx context.Context, a authority) (string, error) {
	file := filepath.Join(l.folder, a.fileName(l.ext))
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, a.pem) {
		return "The system trusted the local authority already (" + file + ").", nil
	}
	if err := os.WriteFile(file, a.pem, 0o644); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Sprintf("The system's list is root's. Run: sudo install -m 644 %s %s && sudo %s", quote(l.s.certificateFile()), file, strings.Join(l.command, " ")), errNeedsRoot
		}
		return "", fmt.Errorf("trust: writing %s: %w", file, err)
	}
	if err := l.s.run(ctx, l.command[0], l.command[1:]...); err != nil {
		// Left there, it would look installed the next time.
		return "", errors.Join(err, os.Remove(file))
	}
	return "The system trusts the local authority now: curl and most programs at once, browsers by their own lists.", nil
}

var errNeedsRoot = errors.New("trust: the system's list can only be changed by root")

func (l anchor) remove(ctx context.Context, _ authority) (string, error) {
	files, err := filepath.Glob(filepath.Join(l.folder, filePrefix+"*"))
	if err != nil {
		return "", fmt.Errorf("trust: looking for roots in %s: %w", l.folder, err)
	}
	if len(files) == 0 {
		return "The system did not trust the local authority.", nil
	}
	for _, f := range files {
		if err := os.Remove(f); errors.Is(err, fs.ErrPermission) {
			return fmt.Sprintf("The system's list is root's. Run: sudo rm %s && sudo %s", strings.Join(files, " "), strings.Join(l.command, " ")), errNeedsRoot
		} else if err != nil {
			return "", fmt.Errorf("trust: %w", err)
		}
	}
	command := l.command
	if command[0] == "update-ca-certificates" {
		// Without it Debian keeps the link to the file that is gone.
		command = append(command[:1:1], "--fresh")
	}
	if err := l.s.run(ctx, command[0], command[1:]...); err != nil {
		return "", err
	}
	return "The system trusts the local authority no longer.", nil
}

// nssFolders are where Chromium and Firefox keep lists of their own on Linux.
var nssFolders = []string{
	".pki/nssdb", "snap/chromium/current/.pki/nssdb", ".var/app/org.chromium.Chromium/.pki/nssdb",
	".mozilla/firefox/*", "snap/firefox/common/.mozilla/firefox/*", ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
}

// nss finds the browsers' lists.
func (s *Stores) nss() ([]list, []string) {
	var found []list
	for _, pattern := range nssFolders {
		// The patterns are well formed; Glob fails on nothing else.
		folders, _ := filepath.Glob(filepath.Join(s.o.Home, filepath.FromSlash(pattern)))
		for _, folder := range folders {
			if _, err := os.Stat(filepath.Join(folder, "cert9.db")); err == nil {
				found = append(found, nssDB{s, folder})
			}
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	if _, err := s.o.LookPath("certutil"); err != nil {
		return nil, []string{"Firefox and Chromium have lists of their own, which take certutil to change. Install it (Debian: libnss3-tools; Fedora: nss-tools; Arch: nss) and run this again."}
	}
	return found, nil
}

type nssDB struct {
	s      *Stores
	folder string
}

func (l nssDB) install(ctx context.Context, a authority) (string, error) {
	err := withFile(a, func(file string) error {
		// C: trusted to vouch for servers, for nothing else.
		return l.s.run(ctx, "certutil", "-A", "-d", "sql:"+l.folder, "-t", "C,,", "-n", a.nickname(), "-i", file)
	})
	if err != nil {
		return "", err
	}
	return "The browser list " + l.folder + " trusts the local authority now. Restart the browser.", nil
}

func (l nssDB) remove(ctx context.Context, _ authority) (string, error) {
	out, err := l.s.o.Run(ctx, "certutil", "-L", "-d", "sql:"+l.folder)
	if err != nil {
		return "", fmt.Errorf("trust: certutil -L -d sql:%s: %w", l.folder, err)
	}
	removed := 0
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, commonName) {
			continue
		}
		// A line is the nickname, blanks, and the trust flags.
		fields := strings.Fields(line)
		name := strings.Join(fields[:len(fields)-1], " ")
		if err := l.s.run(ctx, "certutil", "-D", "-d", "sql:"+l.folder, "-n", name); err != nil {
			return "", err
		}
		removed++
	}
	if removed == 0 {
		return "The browser list " + l.folder + " did not trust the local authority.", nil
	}
	return "The browser list " + l.folder + " trusts the local authority no longer.", nil
}

// quote is for a shell that a person pastes into.
func quote(s string) string {
	if !strings.ContainsAny(s, " '\"\\$`&;|<>()*?[]#~!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
