package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

// A memoryUse is of one proxy, in bytes. Each figure is of a fresh process.
type memoryUse struct {
	Start, Idle                    int64 // resident
	Upload, FormUpload, Download   int64 // resident at the highest
	UploadIn, FormUploadIn, DownIn time.Duration
}

func (b *bench) measureMemory(ctx context.Context, peers []peer, o options) (map[string]memoryUse, error) {
	all := map[string]memoryUse{}
	for _, p := range peers {
		var m memoryUse
		for _, measure := range []func(context.Context, *measure.Process, options, *memoryUse) error{b.idle, b.upload, b.formUpload, b.download} {
			r, err := b.start(ctx, p)
			if err != nil {
				return nil, err
			}
			err = measure(ctx, r, o, &m)
			r.Stop()
			if err != nil {
				return nil, fmt.Errorf("measuring the memory of %s: %w", p.name, err)
			}
		}
		fmt.Printf("memory: %-31s %5.1f MB at the start, %5.1f with %d idle connections; at most %5.1f in an upload, %5.1f in a form's, %5.1f in a download\n",
			p.name, measure.MB(m.Start), measure.MB(m.Idle), o.idle, measure.MB(m.Upload), measure.MB(m.FormUpload), measure.MB(m.Download))
		all[p.name] = m
	}
	return all, nil
}

// idle opens connections that have each had one answer, and then say nothing.
func (b *bench) idle(_ context.Context, r *measure.Process, o options, m *memoryUse) (err error) {
	if m.Start, err = measure.Memory(r.PID(), "VmRSS"); err != nil {
		return err
	}
	for range o.idle {
		conn, err := b.dial(r.Addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", site); err != nil {
			return err
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
			return errors.Join(fmt.Errorf("status %s", answer.Status), err)
		}
	}
	time.Sleep(3 * time.Second)
	m.Idle, err = measure.Memory(r.PID(), "VmRSS")
	return err
}

func (b *bench) upload(ctx context.Context, r *measure.Process, o options, m *memoryUse) (err error) {
	m.UploadIn, err = b.post(ctx, r, "application/octet-stream", "", "", o.transfer)
	if err == nil {
		m.Upload, err = measure.Memory(r.PID(), "VmHWM")
	}
	return err
}

// formUpload is what a browser sends for a file.
func (b *bench) formUpload(ctx context.Context, r *measure.Process, o options, m *memoryUse) (err error) {
	head := "--b0undary\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nholiday\r\n" +
		"--b0undary\r\nContent-Disposition: form-data; name=\"film\"; filename=\"film.mp4\"\r\nContent-Type: video/mp4\r\n\r\n"
	m.FormUploadIn, err = b.post(ctx, r, "multipart/form-data; boundary=b0undary", head, "\r\n--b0undary--\r\n", o.transfer)
	if err == nil {
		m.FormUpload, err = measure.Memory(r.PID(), "VmHWM")
	}
	return err
}

// post sends n zeros between head and foot, and says how long that took.
func (b *bench) post(ctx context.Context, r *measure.Process, contentType, head, foot string, n int64) (time.Duration, error) {
	size := int64(len(head)) + n + int64(len(foot))
	body := io.MultiReader(strings.NewReader(head), io.LimitReader(zeros{}, n), strings.NewReader(foot))
	request, err := http.NewRequestWithContext(ctx, "POST", "https://"+r.Addr+"/upload", body)
	if err != nil {
		return 0, err
	}
	request.ContentLength = size
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Origin", "https://"+site)
	took, said, err := b.do(request, 64)
	if err == nil && said != fmt.Sprint(size) {
		err = fmt.Errorf("the backend got %q bytes of %d", said, size)
	}
	return took, err
}

func (b *bench) download(ctx context.Context, r *measure.Process, o options, m *memoryUse) error {
	request, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("https://%s/download/%d", r.Addr, o.transfer), nil)
	if err != nil {
		return err
	}
	if m.DownIn, _, err = b.do(request, 0); err != nil {
		return err
	}
	m.Download, err = measure.Memory(r.PID(), "VmHWM")
	return err
}

// do sends the request, reads the whole answer, and gives its first bytes.
func (b *bench) do(request *http.Request, keep int64) (time.Duration, string, error) {
	request.Host = site
	client := &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{TLSClientConfig: b.clientTLS(), DisableCompression: true}}
	defer client.CloseIdleConnections()
	start := time.Now()
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	first, err := io.ReadAll(io.LimitReader(answer.Body, keep))
	if err == nil {
		_, err = io.Copy(io.Discard, answer.Body)
	}
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", answer.Status)
	}
	return time.Since(start), string(first), err
}
