package simulation

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// Over real sockets the exporter's own transport is used, with TLS and through a
// proxy. The clock is handed in there too; what is waited for is what nothing but
// the network decides.

const (
	proxyPassword = "PROXY-PASSWORD-c0ffee"
	proxied       = ".proxied.test"
	direct        = ".direct.test"
	proxies       = ".proxy" // behind a host's name: the proxy on the way to it
)

// roads are where the hosts of all cells are, as name servers and proxies know them.
var roads = struct {
	sync.Mutex
	to map[string]*road
}{to: make(map[string]*road)}

// A road leads to the API of a cell. What is wrong with it is one of the names in
// roadWrongs, "" for nothing.
type road struct {
	address string
	wrong   atomic.Value
	open    atomic.Int64 // connections of the exporter's
}

func (r *road) isWrong(what string) bool { return r.wrong.Load() == what }

// A tracked connection is counted until the exporter closes it.
type tracked struct {
	net.Conn
	closed func()
}

func (c tracked) Close() error {
	c.closed()
	return c.Conn.Close()
}

func roadTo(host string) *road {
	roads.Lock()
	defer roads.Unlock()
	return roads.to[host]
}

// authority has issued the certificates.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newAuthority() *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	a := &authority{key: key}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		panic(err)
	}
	return a
}

func (a *authority) issue(ends time.Time, names ...string) *tls.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: ends.Add(-24 * time.Hour), NotAfter: ends, DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &a.key.PublicKey, a.key)
	if err != nil {
		panic(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

// certificates are those that a server may show, by what is wrong.
var certificates = make(map[string]*tls.Certificate)

// TestMain lets the transport that the exporter uses unless it is told otherwise
// find the cells: the machine's name server, authorities and proxy are not there.
func TestMain(m *testing.M) {
	trusted, names := newAuthority(), []string{"*" + proxied, "*" + direct}
	certificates[""] = trusted.issue(time.Now().Add(time.Hour), names...)
	certificates["its certificate is expired"] = trusted.issue(time.Now().Add(-time.Hour), names...)
	certificates["its certificate is for another host"] = trusted.issue(time.Now().Add(time.Hour), planted+".test")
	certificates["its certificate is of an unknown authority"] = newAuthority().issue(time.Now().Add(time.Hour), names...)

	proxy := httptest.NewServer(http.HandlerFunc(serveProxy))
	transport := http.DefaultTransport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	transport.TLSClientConfig.RootCAs.AddCert(trusted.certificate)
	transport.Proxy = func(r *http.Request) (*url.URL, error) {
		if !strings.HasSuffix(r.URL.Hostname(), proxied) {
			return nil, nil
		}
		return url.Parse("http://fleet:" + proxyPassword + "@" + r.URL.Hostname() + proxies + ":3128")
	}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		name, _, _ := net.SplitHostPort(address)
		host, viaProxy := strings.CutSuffix(name, proxies)
		r := roadTo(host)
		switch {
		case r == nil:
			return nil, errors.New("no such road")
		case viaProxy:
			address = proxy.Listener.Addr().String()
		case r.isWrong("its name is not known"):
			return nil, &net.DNSError{Err: "no such host", Name: host, Server: planted, IsNotFound: true}
		case r.isWrong("it refuses connections"):
			address = "127.0.0.1:1"
		default:
			address = r.address
		}
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		r.open.Add(1)
		return tracked{c, sync.OnceFunc(func() { r.open.Add(-1) })}, nil
	}
	code := m.Run()
	proxy.Close()
	os.Exit(code)
}

// serveProxy is a proxy that asks for a password.
func serveProxy(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.Host)
	to := roadTo(host)
	user, _, _ := strings.Cut(r.Header.Get("Proxy-Authorization"), " ")
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer client.Close()
	switch {
	case r.Method != http.MethodConnect || to == nil || user != "Basic":
		fmt.Fprint(client, "HTTP/1.1 400 "+planted+"\r\n\r\n")
		return
	case to.isWrong("the proxy wants another password"):
		fmt.Fprint(client, "HTTP/1.1 407 "+planted+"\r\nProxy-Authenticate: Basic realm="+planted+"\r\n\r\n"+planted)
		return
	case to.isWrong("the proxy reaches nobody"):
		fmt.Fprint(client, "HTTP/1.1 502 "+planted+"\r\n\r\n"+planted)
		return
	case to.isWrong("the proxy speaks no HTTP"):
		fmt.Fprint(client, "220 "+planted+"\r\n")
		return
	case to.isWrong("the proxy hangs up"):
		return
	case to.isWrong("the proxy is silent"):
		_, _ = io.Copy(io.Discard, client)
		return
	}
	server, err := net.Dial("tcp", to.address)
	if err != nil {
		return
	}
	defer server.Close()
	fmt.Fprint(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(server, client)
		server.Close()
	}()
	_, _ = io.Copy(client, server)
}

// A gate accepts connections of which some come to nothing.
type gate struct {
	net.Listener
	road *road
}

func (g gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		switch {
		case err != nil:
			return nil, err
		case g.road.isWrong("it hangs up at once"):
			c.Close()
		case g.road.isWrong("it speaks no TLS"):
			go func() {
				_, _ = c.Read(make([]byte, 1))
				fmt.Fprint(c, "HTTP/1.1 400 "+planted+"\r\n\r\n")
				drain(c)
			}()
		case g.road.isWrong("it is silent"):
			go drain(c)
		default:
			return c, nil
		}
	}
}

// drain reads a connection until the other side closes it.
func drain(c net.Conn) {
	defer c.Close()
	_, _ = io.Copy(io.Discard, c)
}

// roadWrongs are what can be wrong on the way to the API.
func roadWrongs(suffix string) (all []wrong) {
	add := func(outcome string, names ...string) {
		for _, name := range names {
			all = append(all, wrong{name: name, outcome: outcome, whole: true, everything: true, unsent: true, repeated: outcome != "tls", road: name})
		}
	}
	if suffix == direct {
		add("dns", "its name is not known")
		add("connection", "it refuses connections")
	} else {
		add("connection", "the proxy wants another password", "the proxy reaches nobody", "the proxy speaks no HTTP", "the proxy hangs up")
		add("timeout", "the proxy is silent")
	}
	add("tls", "its certificate is expired", "its certificate is for another host", "its certificate is of an unknown authority", "it speaks no TLS")
	add("connection", "it hangs up at once")
	add("timeout", "it is silent")
	return all
}

// atSockets is a place with a server of its own.
func atSockets(host string) (at place, closed func()) {
	road := newRoad(host)
	var server *httptest.Server
	var ahead atomic.Int64
	at = place{
		url: "https://" + host, timeout: 10 * time.Second, secrets: []string{proxyPassword},
		way: func(sim *geelarktest.Server) []geelark.Option {
			server = httptest.NewUnstartedServer(sim)
			server.Listener = gate{server.Listener, road}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				wrong, _ := road.wrong.Load().(string)
				if c := certificates[wrong]; c != nil {
					return c, nil
				}
				return certificates[""], nil
			}}
			server.StartTLS()
			road.address = server.Listener.Addr().String()
			return nil // the exporter's own transport
		},
	}
	at.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	at.theirs = at.now
	at.pass = func(d time.Duration) { ahead.Add(int64(d)) }
	at.until = func(wrong func() string) (what string) {
		began := time.Now()
		for turns := time.Duration(1); ; time.Sleep(5 * time.Millisecond) {
			if what = wrong(); what == "" || time.Since(began) > patience {
				return what
			}
			if time.Since(began) > turns*time.Second { // it may be a turn behind
				turns++
				at.pass(ttl)
			}
		}
	}
	at.breaks = func(what string) (mend func()) {
		set := func(what string) {
			road.wrong.Store(what)
			// None of before may be used any more.
			at.until(func() string {
				server.CloseClientConnections()
				if n := road.open.Load(); n > 0 {
					return fmt.Sprintf("%d connections", n)
				}
				return ""
			})
		}
		set(what)
		return func() { set("") }
	}
	return at, func() {
		server.CloseClientConnections()
		server.Close()
	}
}

func newRoad(host string) *road {
	r := new(road)
	r.wrong.Store("")
	roads.Lock()
	defer roads.Unlock()
	roads.to[host] = r
	return r
}

// patience is for machines that are busy.
const patience = 30 * time.Second

// cellsAtOnce do little else than wait.
const cellsAtOnce = 32

func TestFaultsOverRealSocketsLeaveTheExporterTruthfulToo(t *testing.T) {
	if testing.Short() || race {
		t.Skip("takes a while, and real time, which the race detector slows down: make test runs it without")
	}
	t.Parallel()
	type job struct {
		a    api
		w    wrong
		host string
	}
	var jobs []job
	for i, a := range apis {
		wrongs := wrongsOf(t, a)
		for j, suffix := range []string{direct, proxied} {
			const sampled, apart = 8, 3
			for k := range sampled {
				at := (k*len(wrongs) + (i*2+j)*len(wrongs)/(2*len(apis))) / sampled
				jobs = append(jobs, job{a, wrongs[at%len(wrongs)], fmt.Sprintf("cell-%d%s", len(jobs), suffix)})
			}
			for k, w := range roadWrongs(suffix) {
				if (i+j+k)%apart == 0 {
					jobs = append(jobs, job{a, w, fmt.Sprintf("cell-%d%s", len(jobs), suffix)})
				}
			}
		}
	}
	var wg sync.WaitGroup
	room := make(chan struct{}, cellsAtOnce)
	for _, j := range jobs {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			at, closed := atSockets(j.host)
			if j.w.outcome == "timeout" {
				at.timeout = time.Second
			}
			c := newCellAt(t, j.a, at)
			defer closed()
			j.w.name = fmt.Sprintf("%s to %s", j.w.name, j.host)
			runCell(c, j.w)
		})
	}
	wg.Wait()
	t.Logf("%d cells", len(jobs))
}
