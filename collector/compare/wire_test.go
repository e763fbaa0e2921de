package compare

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// A scrape goes over loopback, and who reads it is a process of its own: what it
// takes to read is not the peer's. That process is this test's binary with this
// variable set.
const runAsReader = "RUN_AS_READER"

func TestMain(m *testing.M) {
	if os.Getenv(runAsReader) != "" {
		if err := readScrapes(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// An order has a reader scrape an address, and a receipt says what came.
type (
	order struct {
		URL    string
		Header http.Header
	}
	receipt struct {
		Status int
		Header http.Header
		Size   int64
		Error  string
	}
)

// readScrapes carries out the orders that come in until there are no more.
func readScrapes(in io.Reader, out io.Writer) error {
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	buffer := make([]byte, 1<<20)
	orders, receipts := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := receipts.Encode(read(client, o, buffer)); err != nil {
			return err
		}
	}
}

func read(client *http.Client, o order, buffer []byte) receipt {
	request, err := http.NewRequest(http.MethodGet, o.URL, nil)
	if err != nil {
		return receipt{Error: err.Error()}
	}
	request.Header = o.Header
	response, err := client.Do(request)
	if err != nil {
		return receipt{Error: err.Error()}
	}
	defer response.Body.Close()
	r := receipt{Status: response.StatusCode, Header: response.Header}
	for {
		n, err := response.Body.Read(buffer)
		r.Size += int64(n)
		if errors.Is(err, io.EOF) {
			return r
		}
		if err != nil {
			return receipt{Error: err.Error()}
		}
	}
}

// A reader is such a process. It ends with the benchmark.
type reader struct {
	orders   *json.Encoder
	receipts *json.Decoder
}

func newReader(tb testing.TB) *reader {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), runAsReader+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			tb.Error(err)
		}
	})
	return &reader{json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))}
}

// scrape has an address scraped and returns when the answer's last byte has been
// read.
func (r *reader) scrape(tb testing.TB, url string, header http.Header) receipt {
	tb.Helper()
	if err := r.orders.Encode(order{url, header}); err != nil {
		tb.Fatal(err)
	}
	var got receipt
	if err := r.receipts.Decode(&got); err != nil {
		tb.Fatal(err)
	}
	if got.Error != "" {
		tb.Fatal(got.Error)
	}
	return got
}

// serve serves a handler over loopback while the benchmark runs and returns its
// address.
func serve(tb testing.TB, h http.Handler) (url string) {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	server := &http.Server{Handler: h}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	tb.Cleanup(func() {
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			tb.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// cpuTime is what this process has used of all processors, garbage collection
// included.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
