package trust_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
	"github.com/gatehousehq/gatehouse/transport/localca"
	"github.com/gatehousehq/gatehouse/transport/trust"
)

// machine is a fake one: a folder for its files, and commands that are only
// written down.
type machine struct {
	root, home string
	commands   []string
	ran        []string
	// answers gives a command's output and error, by how the command begins.
	answers map[string]string
	fails   string
}

func newMachine(t *testing.T, folders []string, commands ...string) *machine {
	t.Helper()
	m := &machine{root: t.TempDir(), home: t.TempDir(), commands: commands, answers: map[string]string{}}
	for _, f := range folders {
		under := m.root
		if strings.HasPrefix(f, "~/") {
			under, f = m.home, f[2:]
		}
		if err := os.MkdirAll(filepath.Join(under, f), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(f, "nssdb") || strings.Contains(f, "firefox") {
			if err := os.WriteFile(filepath.Join(under, f, "cert9.db"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m
}

func (m *machine) stores(t *testing.T, system string) *trust.Stores {
	t.Helper()
	s, err := trust.New(trust.Options{
		Root: m.root, Home: m.home, OS: system, CertificateFile: "/state dir/local-authority.crt",
		LookPath: func(name string) (string, error) {
			if slices.Contains(m.commands, name) {
				return "/bin/" + name, nil
			}
			return "", errors.New("not found")
		},
		Run: func(_ context.Context, name string, args ...string) ([]byte, error) {
			line := strings.Join(append([]string{name}, args...), " ")
			m.ran = append(m.ran, line)
			if m.fails != "" && strings.HasPrefix(line, m.fails) {
				return []byte("no luck\ntoday"), errors.New("exit status 1")
			}
			for prefix, out := range m.answers {
				if strings.HasPrefix(line, prefix) {
					return []byte(out), nil
				}
			}
			return nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func authority(t *testing.T) *localca.Authority {
	t.Helper()
	a, err := localca.Open(t.Context(), localca.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestInstall_Linux_EachDistribution(t *testing.T) {
	a := authority(t)
	for _, c := range []struct {
		name, folder, command, ran, removed string
	}{
		{"Debian", "usr/local/share/ca-certificates", "update-ca-certificates", "update-ca-certificates", "update-ca-certificates --fresh"},
		{"Fedora", "etc/pki/ca-trust/source/anchors", "update-ca-trust", "update-ca-trust extract", "update-ca-trust extract"},
		{"Arch", "etc/ca-certificates/trust-source/anchors", "trust", "trust extract-compat", "trust extract-compat"},
		{"SUSE", "etc/pki/trust/anchors", "update-ca-certificates", "update-ca-certificates", "update-ca-certificates --fresh"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, []string{c.folder}, c.command)
			s := m.stores(t, "linux")
			words, err := s.Install(t.Context(), a.RootPEM())
			if err != nil || !strings.Contains(strings.Join(words, "\n"), "trusts the local authority now") {
				t.Fatalf("%q, %v", words, err)
			}
			files, err := filepath.Glob(filepath.Join(m.root, c.folder, "*"))
			if err != nil || len(files) != 1 {
				t.Fatalf("files: %v, %v", files, err)
			}
			if text, err := os.ReadFile(files[0]); err != nil || string(text) != string(a.RootPEM()) {
				t.Errorf("%s: %v", files[0], err)
			}
			words, err = s.Install(t.Context(), a.RootPEM())
			if err != nil || !strings.Contains(words[0], "already") || !slices.Equal(m.ran, []string{c.ran}) {
				t.Errorf("a second time: %q, %v, ran %q", words, err, m.ran)
			}
			m.ran = nil
			words, err = s.Remove(t.Context(), a.RootPEM())
			if err != nil || !strings.Contains(words[0], "no longer") || !slices.Equal(m.ran, []string{c.removed}) {
				t.Errorf("removing: %q, %v, ran %q", words, err, m.ran)
			}
			if left, err := filepath.Glob(filepath.Join(m.root, c.folder, "*")); err != nil || len(left) != 0 {
				t.Errorf("left: %v, %v", left, err)
			}
			if words, err = s.Remove(t.Context(), a.RootPEM()); err != nil || !strings.Contains(words[0], "did not trust") {
				t.Errorf("removing again: %q, %v", words, err)
			}
		})
	}
}

func TestRemove_EarlierRoots_GoToo(t *testing.T) {
	m := newMachine(t, []string{"usr/local/share/ca-certificates"}, "update-ca-certificates")
	s := m.stores(t, "linux")
	old, now := authority(t), authority(t)
	for _, a := range []*localca.Authority{old, now} {
		if _, err := s.Install(t.Context(), a.RootPEM()); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(m.root, "usr/local/share/ca-certificates/company.crt")
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(t.Context(), now.RootPEM()); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(m.root, "usr/local/share/ca-certificates/*"))
	if err != nil || !slices.Equal(left, []string{other}) {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestInstall_WithoutRoot_SaysWhatToRun(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	m := newMachine(t, []string{"usr/local/share/ca-certificates", "~/.pki/nssdb"}, "update-ca-certificates", "certutil")
	if err := os.Chmod(filepath.Join(m.root, "usr/local/share/ca-certificates"), 0o555); err != nil {
		t.Fatal(err)
	}
	words, err := m.stores(t, "linux").Install(t.Context(), authority(t).RootPEM())
	if err == nil || !strings.Contains(words[0], "sudo install -m 644 '/state dir/local-authority.crt'") || !strings.Contains(words[0], "sudo update-ca-certificates") {
		t.Errorf("%q, %v", words, err)
	}
	if len(m.ran) != 1 || !strings.HasPrefix(m.ran[0], "certutil -A") {
		t.Errorf("the browser's list was not changed: ran %q", m.ran)
	}
}

func TestInstall_Browsers_HaveListsOfTheirOwn(t *testing.T) {
	a := authority(t)
	name := a.Root().Subject.CommonName
	folders := []string{"usr/local/share/ca-certificates", "~/.pki/nssdb", "~/.mozilla/firefox/x.default"}
	m := newMachine(t, folders, "update-ca-certificates", "certutil")
	s := m.stores(t, "linux")
	words, err := s.Install(t.Context(), a.RootPEM())
	if err != nil || len(words) != 3 {
		t.Fatalf("%q, %v", words, err)
	}
	for i, db := range []string{".pki/nssdb", ".mozilla/firefox/x.default"} {
		want := fmt.Sprintf("certutil -A -d sql:%s -t C,, -n %s -i ", filepath.Join(m.home, db), name)
		if !strings.HasPrefix(m.ran[i+1], want) {
			t.Errorf("ran %q, want %q", m.ran[i+1], want)
		}
	}
	m.ran = nil
	m.answers["certutil -L"] = "\nCertificate Nickname    Trust Attributes\n\nCompany CA     C,,\nGatehouse local authority 0a0b0c      C,,\n" + name + "   C,,\n"
	if words, err = s.Remove(t.Context(), a.RootPEM()); err != nil {
		t.Fatalf("%q, %v", words, err)
	}
	ran := strings.Join(m.ran, "\n")
	if strings.Count(ran, "certutil -D") != 4 || !strings.Contains(ran, "-n Gatehouse local authority 0a0b0c\n") || !strings.Contains(ran, "-n "+name) || strings.Contains(ran, "Company") {
		t.Errorf("ran:\n%s", ran)
	}

	without := newMachine(t, folders, "update-ca-certificates")
	words, err = without.stores(t, "linux").Install(t.Context(), a.RootPEM())
	if err != nil || !strings.Contains(strings.Join(words, "\n"), "libnss3-tools") {
		t.Errorf("without certutil: %q, %v", words, err)
	}
}

func TestInstall_MacAndWindows(t *testing.T) {
	a := authority(t)
	for system, want := range map[string][2]string{
		"darwin":  {"security add-trusted-cert -r trustRoot -p ssl -k ", "security delete-certificate -t -Z "},
		"windows": {"certutil.exe -user -addstore Root ", "certutil.exe -user -delstore Root "},
	} {
		m := newMachine(t, nil)
		s := m.stores(t, system)
		if words, err := s.Install(t.Context(), a.RootPEM()); err != nil || len(words) != 1 || !strings.HasPrefix(m.ran[0], want[0]) {
			t.Errorf("%s: %q, %v, ran %q", system, words, err, m.ran)
		}
		fields := strings.Fields(m.ran[0])
		if _, err := os.Stat(fields[len(fields)-1]); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the file for the command was left: %v", system, err)
		}
		if words, err := s.Remove(t.Context(), a.RootPEM()); err != nil || len(words) != 1 || !strings.HasPrefix(m.ran[1], want[1]) {
			t.Errorf("%s: %q, %v, ran %q", system, words, err, m.ran)
		}
	}
}

func TestInstall_CommandFails_IsOneLine(t *testing.T) {
	m := newMachine(t, []string{"usr/local/share/ca-certificates"}, "update-ca-certificates")
	m.fails = "update-ca-certificates"
	_, err := m.stores(t, "linux").Install(t.Context(), authority(t).RootPEM())
	if err == nil || !strings.Contains(err.Error(), "update-ca-certificates") || !strings.Contains(err.Error(), "no luck today") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

func TestInstall_UnknownSystem_SaysWhatToDo(t *testing.T) {
	for _, system := range []string{"linux", "plan9"} {
		_, err := newMachine(t, nil).stores(t, system).Install(t.Context(), authority(t).RootPEM())
		if err == nil || !strings.Contains(err.Error(), "by hand") {
			t.Errorf("%s: %v", system, err)
		}
	}
}

func TestInstall_AnythingElse_IsRefused(t *testing.T) {
	ca := certs.New(t)
	leaf := ca.Issue(t, certs.Want{Names: []string{"localhost"}})
	m := newMachine(t, []string{"usr/local/share/ca-certificates"}, "update-ca-certificates")
	s := m.stores(t, "linux")
	for name, text := range map[string][]byte{
		"nothing": nil, "garbage": []byte("x"), "another authority, which may sign for every site": ca.PEM(),
		"a certificate that is no authority": leaf.CertPEM, "a key": leaf.Key,
		"damaged": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}),
	} {
		if words, err := s.Install(t.Context(), text); err == nil || len(words) > 0 {
			t.Errorf("%s was installed: %q", name, words)
		}
	}
	// A private key that follows is not written anywhere.
	a := authority(t)
	if _, err := s.Install(t.Context(), append(a.RootPEM(), leaf.Key...)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(m.root, "usr/local/share/ca-certificates/*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if text, err := os.ReadFile(files[0]); err != nil || strings.Contains(string(text), "PRIVATE") {
		t.Errorf("the key was installed: %v", err)
	}
}
