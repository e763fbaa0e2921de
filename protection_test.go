package main

import (
	"crypto/tls"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"geelark_exporter/deploy/processtest"
)

func TestOnlyClientsWithACertificateAreServed(t *testing.T) {
	t.Parallel()
	server, client, stranger := t.TempDir(), t.TempDir(), t.TempDir()
	roots := newCertificate(t, server)
	newCertificate(t, client)
	newCertificate(t, stranger)
	p := demo(t, "--web.config.file="+write(t, "web.yml", `
tls_server_config:
  cert_file: `+server+`/cert.pem
  key_file: `+server+`/key.pem
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: `+client+`/cert.pem
`))
	base := "https://" + p.Address()
	for name, tt := range map[string]struct {
		dir    string // of the certificate, "" for none
		served bool
	}{"its own": {client, true}, "another's": {stranger, false}, "none": {"", false}} {
		config := &tls.Config{RootCAs: roots}
		if tt.dir != "" {
			pair, err := tls.LoadX509KeyPair(filepath.Join(tt.dir, "cert.pem"), filepath.Join(tt.dir, "key.pem"))
			if err != nil {
				t.Fatal(err)
			}
			// Not the one that the server's list of authorities lets it choose.
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		transport := &http.Transport{TLSClientConfig: config}
		for _, path := range []string{"/metrics", "/", "/config", "/sd", "/-/healthy"} {
			a, err := get(&http.Client{Transport: transport}, base+path)
			if served := err == nil && a.status == http.StatusOK; served != tt.served {
				t.Errorf("with a certificate that is %s, %s: %+v, %v", name, path, a, err)
			}
		}
		transport.CloseIdleConnections()
	}
	t.Run("curl", func(t *testing.T) {
		curl := processtest.Installed(t, "curl", "curl")
		for args, served := range map[string]bool{"--cert " + client + "/cert.pem --key " + client + "/key.pem": true, "": false} {
			out, err := exec.Command(curl, append(strings.Fields(args), "--silent", "--show-error", "--cacert", server+"/cert.pem", base+"/metrics")...).CombinedOutput()
			if got := err == nil && strings.Contains(string(out), "geelark_up"); got != served {
				t.Errorf("curl %s: %v, %.300s", args, err, out)
			}
		}
	})
}

func TestNoOtherSiteCanReload(t *testing.T) {
	t.Parallel()
	_, url := simulate(t, 1)
	file := write(t, "config.yml", "accounts: [{name: a, token_env: TOKEN, base_url: '"+url+"'}]\n")
	for _, enabled := range []bool{false, true} {
		args := []string{"--config.file=" + file, "--web.listen-address=127.0.0.1:0"}
		if enabled {
			args = append(args, "--web.enable-lifecycle")
		}
		p := start(t, []string{"TOKEN=" + token}, args...)
		own := "http://" + p.Address()
		for name, tt := range map[string]struct {
			method string
			header [2]string
			want   int
		}{
			"curl":                              {http.MethodPost, [2]string{}, http.StatusOK},
			"a page of the exporter's":          {http.MethodPost, [2]string{"Sec-Fetch-Site", "same-origin"}, http.StatusOK},
			"an old browser on that page":       {http.MethodPost, [2]string{"Origin", own}, http.StatusOK},
			"a page of another site":            {http.MethodPost, [2]string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
			"a page of another port":            {http.MethodPost, [2]string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
			"an old browser on another site":    {http.MethodPost, [2]string{"Origin", "http://evil.test"}, http.StatusForbidden},
			"an old browser in a sandbox":       {http.MethodPost, [2]string{"Origin", "null"}, http.StatusForbidden},
			"a page of another site, by PUT":    {http.MethodPut, [2]string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
			"an image on a page of another one": {http.MethodGet, [2]string{"Sec-Fetch-Site", "cross-site"}, http.StatusMethodNotAllowed},
		} {
			r, err := http.NewRequest(tt.method, own+"/-/reload", nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.header[0] != "" {
				r.Header.Set(tt.header[0], tt.header[1])
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			want := tt.want
			if !enabled && want == http.StatusOK {
				want = http.StatusForbidden
			}
			if response.StatusCode != want {
				t.Errorf("enabled %t, %s: status %d, want %d", enabled, name, response.StatusCode, want)
			}
		}
	}
}

func TestEveryAnswerKeepsBrowsersFromGuessing(t *testing.T) {
	t.Parallel()
	p := demo(t)
	for _, path := range []string{"/", "/?q=x", "/config", "/metrics", "/probe?account=default", "/probe", "/sd", "/-/healthy", "/-/ready", "/-/reload", "/nowhere"} {
		a := p.get(path)
		if got := a.header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options is %q", path, got)
		}
		if a.header.Get("Content-Type") == "" {
			t.Errorf("%s has no Content-Type", path)
		}
		html := strings.HasPrefix(a.header.Get("Content-Type"), "text/html")
		for _, name := range []string{"Content-Security-Policy", "Referrer-Policy", "Cache-Control"} {
			if html && a.header.Get(name) == "" {
				t.Errorf("%s has no %s", path, name)
			}
		}
	}
}
