package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

// A peer is a proxy to measure.
type peer struct {
	name string
	// version says what was measured.
	version func(program string) string
	// prepare finds or builds the program.
	prepare func(*bench) (program string, err error)
	// command writes what configuration it needs into dir and gives the
	// command's arguments, for one that listens at addr.
	command func(b *bench, dir, addr string) ([]string, error)
	program string
}

// plain is the peer that others are compared with. It makes a copy buffer of 32
// KiB for each answer; pooled is the same program without that, and so the harder
// comparison.
const (
	plain  = "plain Go proxy"
	pooled = "plain Go proxy, buffers pooled"
	ours   = "Gatehouse"
)

var peers = []peer{
	{
		name: "nginx",
		version: func(program string) string {
			return strings.TrimPrefix(measure.FirstLine(program, "-v"), "nginx version: ")
		},
		prepare: findNginx,
		command: nginxCommand,
	},
	plainPeer(plain),
	plainPeer(pooled, "-pool"),
	{
		name: "Caddy",
		version: func(string) string {
			return measure.FirstLine("go", "list", "-m", "-f", "{{.Version}}", "github.com/caddyserver/caddy/v2")
		},
		prepare: func(b *bench) (string, error) {
			return b.build("caddy", ".", "github.com/caddyserver/caddy/v2/cmd/caddy")
		},
		command: caddyCommand,
	},
	{
		name:    ours,
		version: func(program string) string { return measure.FirstLine(program, "version") },
		prepare: func(b *bench) (string, error) {
			if _, err := os.Stat("../cmd/gatehouse"); err != nil {
				return "", errors.New("there is no cmd/gatehouse beside this folder")
			}
			return b.build("gatehouse", "..", "./cmd/gatehouse")
		},
		command: gatehouseCommand,
	},
}

// plainPeer is the program in plainproxy, with these flags more.
func plainPeer(name string, flags ...string) peer {
	return peer{
		name:    name,
		version: func(string) string { return "net/http/httputil.ReverseProxy, " + measure.FirstLine("go", "version") },
		prepare: func(b *bench) (string, error) { return b.build("plainproxy", ".", "./plainproxy") },
		command: func(b *bench, _, addr string) ([]string, error) {
			return append([]string{"-listen", addr, "-upstream", "http://" + b.backend.Addr, "-certificate", b.certificate, "-key", b.key}, flags...), nil
		},
	}
}

// build makes a program from the module in dir.
func (b *bench) build(name, dir, what string) (string, error) {
	to := filepath.Join(b.dir, "bin-"+name)
	return to, measure.Build(to, dir, what)
}

func findNginx(*bench) (string, error) {
	for _, at := range []string{"nginx", "/usr/sbin/nginx"} {
		if program, err := exec.LookPath(at); err == nil {
			return program, nil
		}
	}
	return "", errors.New("there is no nginx: scripts/setup.sh installs it")
}

func nginxCommand(b *bench, dir, addr string) ([]string, error) {
	// Bodies are passed on as they come, as the others do.
	config := fmt.Sprintf(`
daemon off;
%s
worker_processes auto;
worker_rlimit_nofile 8192;
pid %[2]s/pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy; fastcgi_temp_path %[2]s/f; uwsgi_temp_path %[2]s/u; scgi_temp_path %[2]s/s;
  client_max_body_size 0;
  keepalive_timeout 120s;
  keepalive_requests 1000000;
  upstream backend { server %[3]s; keepalive 256; keepalive_requests 1000000; }
  server {
    listen %[4]s ssl;
    ssl_certificate %[5]s;
    ssl_certificate_key %[6]s;
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
    }
  }
}
`, nginxUser(), dir, b.backend.Addr, addr, b.certificate, b.key)
	file := filepath.Join(dir, "nginx.conf")
	return []string{"-c", file, "-p", dir}, os.WriteFile(file, []byte(config), 0o644)
}

// nginxUser keeps workers as the user who runs this, who owns the folder.
func nginxUser() string {
	if os.Getuid() == 0 {
		return "user root;"
	}
	return ""
}

func caddyCommand(b *bench, dir, addr string) ([]string, error) {
	config := fmt.Sprintf(`{
  "admin": {"disabled": true, "config": {"persist": false}},
  "logging": {"logs": {"default": {"level": "ERROR"}}},
  "apps": {
    "tls": {"certificates": {"load_files": [{"certificate": %q, "key": %q}]}},
    "http": {"servers": {"gate": {
      "listen": [%q],
      "protocols": ["h1", "h2"],
      "automatic_https": {"disable": true},
      "tls_connection_policies": [{}],
      "routes": [{"handle": [{
        "handler": "reverse_proxy",
        "transport": {"protocol": "http", "compression": false, "keep_alive": {"max_idle_conns_per_host": 256}},
        "upstreams": [{"dial": %q}]
      }]}]
    }}}
  }
}`, b.certificate, b.key, addr, b.backend.Addr)
	file := filepath.Join(dir, "caddy.json")
	return []string{"run", "--config", file}, os.WriteFile(file, []byte(config), 0o644)
}

// gatehouseCommand leaves every rung as it is shipped.
func gatehouseCommand(b *bench, dir, addr string) ([]string, error) {
	config := fmt.Sprintf(`site: https://%s
upstream: http://%s
network:
  listen: ["%s"]
transport:
  certificates:
    files: [{certificate: %s, key: %s}]
`, site, b.backend.Addr, addr, b.certificate, b.key)
	file := filepath.Join(dir, "gatehouse.yaml")
	return []string{"run", "-c", file, "--state", filepath.Join(dir, "state")}, os.WriteFile(file, []byte(config), 0o600)
}
