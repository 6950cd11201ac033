package apps

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// A gitServer is git's own smart HTTP backend over a folder of repositories.
type gitServer struct {
	cgi cgi.Handler

	mu   sync.Mutex
	seen []gitRequest
}

type gitRequest struct {
	path    string
	chunked bool
	gzip    bool
}

func newGitServer(t *testing.T, root string) *gitServer {
	t.Helper()
	execPath := strings.TrimSpace(testkit.Run(t, exec.Command(testkit.Need(t, "git"), "--exec-path")))
	backend := filepath.Join(execPath, "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skipf("git came without %s", backend)
	}
	return &gitServer{cgi: cgi.Handler{
		Path: backend,
		Env: []string{
			"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=tester",
			"GIT_CONFIG_NOSYSTEM=1", "HOME=" + root,
		},
	}}
}

func (s *gitServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, gitRequest{r.URL.Path, r.ContentLength < 0, r.Header.Get("Content-Encoding") == "gzip"})
	s.mu.Unlock()
	if r.ContentLength < 0 {
		// CGI knows bodies with a length alone; web servers spool the others.
		spool, err := os.CreateTemp("", "gatehouse-git-")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer os.Remove(spool.Name())
		defer spool.Close()
		n, err := spool.ReadFrom(r.Body)
		if err == nil {
			_, err = spool.Seek(0, 0)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		r.Body, r.ContentLength, r.TransferEncoding = spool, n, nil
	}
	s.cgi.ServeHTTP(w, r)
}

// had reports whether a request of this kind came.
func (s *gitServer) had(kind func(gitRequest) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.seen, kind)
}

// A gitClient runs git as somebody with no configuration of their own.
type gitClient struct {
	t         *testing.T
	authority string
	home      string
}

func (c gitClient) run(dir string, args ...string) string {
	c.t.Helper()
	cmd := exec.Command(testkit.Need(c.t, "git"), args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + c.home, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_SSL_CAINFO=" + c.authority, "no_proxy=*",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com",
	}
	return strings.TrimSpace(testkit.Run(c.t, cmd))
}

func TestGit_CloneAndPush_AsWithoutTheGate(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"HTTP/2", "HTTP/1.1"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			root, work := t.TempDir(), t.TempDir()
			server := newGitServer(t, root)
			gate := testkit.StartGate(t, serve(t, server))
			git := gitClient{t, gate.Authority, t.TempDir()}
			git.run(root, "init", "-q", "--bare", "-b", "main", "tea.git")
			git.run(root, "-C", "tea.git", "config", "http.receivepack", "true")
			git.run(work, "config", "--global", "http.version", protocol)
			url := gate.Origin + "/tea.git"

			first := git.firstPush(work, url)
			if !server.had(func(r gitRequest) bool { return r.chunked && strings.HasSuffix(r.path, "/git-receive-pack") }) {
				t.Error("the pack of over 1 MiB did not reach git-http-backend in chunks")
			}
			git.cloneAndAdd(work, url, first)
			git.fetchMany(work, url)
			if !server.had(func(r gitRequest) bool { return r.gzip && strings.HasSuffix(r.path, "/git-upload-pack") }) {
				t.Error("no negotiation was compressed: the test says nothing about it")
			}
			git.run(work, "-C", root+"/tea.git", "fsck", "--strict")
			gate.WantQuiet(t)
		})
	}
}

// firstPush pushes a repository whose pack is above http.postBuffer (1 MiB), and
// gives its commit.
func (c gitClient) firstPush(work, url string) string {
	c.t.Helper()
	c.run(work, "init", "-q", "-b", "main", "first")
	dir := filepath.Join(work, "first")
	random := rand.NewChaCha8([32]byte{1})
	big := make([]byte, 3<<20) // random: it stays as large in the pack
	random.Read(big)
	writeFile(c.t, filepath.Join(dir, "big.bin"), big)
	writeFile(c.t, filepath.Join(dir, "notes.sql"), []byte("SELECT * FROM teapots WHERE name = '' OR 1=1 --';\n<script>alert(1)</script>\n"))
	c.run(dir, "add", ".")
	c.run(dir, "commit", "-q", "-m", "It's the first; DROP TABLE teapots")
	c.run(dir, "push", "-q", url, "main")
	return c.run(dir, "rev-parse", "HEAD")
}

// cloneAndAdd clones, shallow too, compares, and pushes a commit back.
func (c gitClient) cloneAndAdd(work, url, commit string) {
	c.t.Helper()
	c.run(work, "clone", "-q", url, "second")
	second := filepath.Join(work, "second")
	if got := c.run(second, "rev-parse", "HEAD"); got != commit {
		c.t.Errorf("cloned commit %s, want %s", got, commit)
	}
	if !bytes.Equal(readFile(c.t, work+"/first/big.bin"), readFile(c.t, work+"/second/big.bin")) {
		c.t.Error("the cloned file differs from the one that was pushed")
	}
	c.run(second, "commit", "-q", "--allow-empty", "-m", "Second")
	c.run(second, "push", "-q", "origin", "main", "HEAD:refs/heads/feature/@scope")
	c.run(work, "clone", "-q", "--depth", "1", url, "shallow")
	if n := c.run(filepath.Join(work, "shallow"), "rev-list", "--count", "HEAD"); n != "1" {
		c.t.Errorf("the shallow clone has %s commits, want 1", n)
	}
	c.run(filepath.Join(work, "shallow"), "fetch", "-q", "--unshallow")
	if n := c.run(filepath.Join(work, "shallow"), "rev-list", "--count", "HEAD"); n != "2" {
		c.t.Errorf("after fetch --unshallow there are %s commits, want 2", n)
	}
}

// fetchMany fetches into a repository with many commits that the server does
// not know: git tells of them in bodies that it compresses.
func (c gitClient) fetchMany(work, url string) {
	c.t.Helper()
	c.run(work, "clone", "-q", url, "third")
	third := filepath.Join(work, "third")
	var history strings.Builder
	for i := range 200 {
		n := strconv.Itoa(i)
		history.WriteString("commit refs/heads/own\ncommitter A <a@example.com> " + strconv.Itoa(1800000000+i) + " +0000\ndata " + strconv.Itoa(len(n)) + "\n" + n + "\n")
		if i == 0 {
			history.WriteString("from refs/heads/main^0\n")
		}
	}
	c.feed(third, history.String())
	second := filepath.Join(work, "second")
	c.run(second, "commit", "-q", "--allow-empty", "-m", "Third")
	c.run(second, "push", "-q", "origin", "main")
	c.run(third, "fetch", "-q", "origin")
	if got, want := c.run(third, "rev-parse", "origin/main"), c.run(second, "rev-parse", "HEAD"); got != want {
		c.t.Errorf("fetched %s, want %s", got, want)
	}
}

// feed has git fast-import read a history.
func (c gitClient) feed(dir, history string) {
	c.t.Helper()
	cmd := exec.Command(testkit.Need(c.t, "git"), "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(history)
	testkit.Run(c.t, cmd)
}

func writeFile(t *testing.T, path string, body []byte) {
	t.Helper()
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
