package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

const (
	// warehouseHost is the made-up name of the service that only the shop
	// should reach, as a container's name would be.
	warehouseHost = "warehouse.internal"
	// photosHost is the made-up name of a public place for pictures.
	photosHost = "photos.example"
	// evilHost is the made-up name of an attacker's server: it answers with what its
	// address says.
	evilHost = "evil.example"
)

// inHouse is a second server on a loopback port, for what the shop fetches.
type inHouse struct {
	server *http.Server
	port   string
	ended  chan error
}

func startInHouse(pictures map[string]asset) (*inHouse, error) {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the warehouse's service: %w", err)
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	h := &inHouse{port: port, ended: make(chan error, 1)}
	h.server = &http.Server{Handler: inHouseHandler(pictures), ReadHeaderTimeout: 5 * time.Second}
	go func() { h.ended <- h.server.Serve(ln) }()
	return h, nil
}

func (h *inHouse) close() error {
	err := h.server.Close()
	if ended := <-h.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

func inHouseHandler(pictures map[string]asset) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == photosHost {
			if pictures[path.Base(r.URL.Path)].serve(w, r) != nil {
				http.NotFound(w, r)
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.Host == evilHost {
			_, _ = io.WriteString(w, r.FormValue("says")) // a client that has left misses nothing here
			return
		}
		// A client that has left misses nothing here.
		_ = json.NewEncoder(w).Encode(map[string]any{
			"service": "warehouse", "warning": "internal only, no sign-in needed",
			"alarm_code": madeUpAlarmCode, "purchase_prices_cents": map[string]int{"teapot": 2210, "lamp": 4480, "blanket": 5120},
		})
	})
}

// fetchPicture takes a picture from an address on the web.
// Hole: SSRF. The shop fetches whatever address it is given, and shows what
// came. In this demonstration it reaches only itself and its own in-house server.
func (s *Shop) fetchPicture(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.user == nil {
		return errSignIn
	}
	u, err := url.Parse(strings.TrimSpace(r.FormValue("url")))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return &refusal{http.StatusUnprocessableEntity, "This is not the address of a picture."}
	}
	body, err := s.fetch(r, u)
	if err != nil {
		return &refusal{http.StatusBadGateway, "The picture could not be fetched: " + err.Error()}
	}
	return s.keepPicture(w, r, v, path.Base(u.Path), body)
}

func (s *Shop) fetch(r *http.Request, u *url.URL) (body []byte, err error) {
	own, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		to, err := s.reachable(address, own)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, "tcp", to)
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	return io.ReadAll(io.LimitReader(response.Body, maxBody))
}

// reachable keeps the forged requests on this shop's own two ports: the hole
// is for showing, not for reading what else listens on somebody's machine.
func (s *Shop) reachable(address string, own net.Addr) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if host == warehouseHost || host == photosHost || host == evilHost {
		return net.JoinHostPort("127.0.0.1", s.inHouse.port), nil
	}
	ip := net.ParseIP(host)
	if loopback := host == "localhost" || ip != nil && ip.IsLoopback(); !loopback {
		return "", fmt.Errorf("%s: this demonstration fetches from %s, %s and itself only", host, photosHost, warehouseHost)
	}
	if t, ok := own.(*net.TCPAddr); ok && port == fmt.Sprint(t.Port) {
		return own.String(), nil
	}
	if port == s.inHouse.port {
		return net.JoinHostPort("127.0.0.1", port), nil
	}
	return "", fmt.Errorf("port %s: this demonstration fetches from %s, %s and itself only", port, photosHost, warehouseHost)
}
