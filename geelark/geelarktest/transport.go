package geelarktest

import (
	"bytes"
	"io"
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
	w.Header().Set("Content-Type", rep.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(rep.length))
	w.WriteHeader(rep.status)
	_, _ = w.Write(rep.body) // the client may be gone, which is its own business
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
	// A client may spell a header as the documents do (traceId); a network
	// would have brought it to the canonical form.
	header := http.Header{}
	for name, values := range r.Header {
		for _, value := range values {
			header.Add(name, value)
		}
	}
	rep, err := t.server.answer(r.Context(), r.Method, r.URL.Path, header, body)
	if err != nil {
		return nil, err
	}
	content := io.Reader(bytes.NewReader(rep.body))
	if rep.length > len(rep.body) {
		content = io.MultiReader(content, cutReader{})
	}
	return &http.Response{
		Status:        strconv.Itoa(rep.status) + " " + http.StatusText(rep.status),
		StatusCode:    rep.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{"Content-Type": {rep.contentType}, "Content-Length": {strconv.Itoa(rep.length)}},
		Body:          io.NopCloser(content),
		ContentLength: int64(rep.length),
		Request:       r,
	}, nil
}

// A cutReader ends a body that is shorter than declared.
type cutReader struct{}

func (cutReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
