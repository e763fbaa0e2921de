package geelarktest

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
)

// errDropped is what a client sees of a dropped connection.
var errDropped error = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}

// ServeHTTP implements [http.Handler]. A dropped or ended request panics with
// [http.ErrAbortHandler], which net/http's server takes for what it is.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rep, err := s.answer(r.Context(), r.Method, r.URL.Path, r.Header, r.Body)
	if err != nil {
		reset(w)
	}
	header := w.Header()
	maps.Copy(header, rep.Header)
	header.Set("Content-Length", strconv.Itoa(len(rep.Body)))
	w.WriteHeader(rep.Status)
	_, _ = w.Write(rep.Body[:len(rep.Body)-rep.Cut]) // the client may be gone, which is its own business
}

// reset ends a request's connection without an answer, and does not return.
func reset(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // closing then resets
		}
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}

// RoundTripper returns a transport that serves every request in the process,
// whatever its host, without a network. It starts no goroutine, so that it
// can be used inside a testing/synctest bubble.
func (s *Server) RoundTripper() http.RoundTripper { return roundTripper{s} }

type roundTripper struct{ server *Server }

func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	var body io.Reader
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
		body = r.Body
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rep, err := t.server.answer(r.Context(), r.Method, r.URL.Path, canonical(r.Header), body)
	if err != nil {
		return nil, err
	}
	content := io.Reader(bytes.NewReader(rep.Body[:len(rep.Body)-rep.Cut]))
	if rep.Cut > 0 {
		content = io.MultiReader(content, cutReader{})
	}
	rep.Header.Set("Content-Length", strconv.Itoa(len(rep.Body)))
	return &http.Response{
		Status:        strconv.Itoa(rep.Status) + " " + http.StatusText(rep.Status),
		StatusCode:    rep.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        rep.Header,
		Body:          io.NopCloser(content),
		ContentLength: int64(len(rep.Body)),
		Request:       r,
	}, nil
}

// canonical returns a request's header as a network would bring it: a client
// may spell a name as the documents do (traceId).
func canonical(sent http.Header) http.Header {
	header := http.Header{}
	for name, values := range sent {
		for _, value := range values {
			header.Add(name, value)
		}
	}
	return header
}

// A cutReader ends a body that is shorter than declared.
type cutReader struct{}

func (cutReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
