package statuspage

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long the browser may take for what it does at once.
const patience = time.Minute

// A browser is a headless Chromium, driven over a pipe by the DevTools protocol
// (https://chromedevtools.github.io/devtools-protocol/).
type browser struct {
	t     *testing.T
	write *os.File

	mu      sync.Mutex
	changed *sync.Cond
	sent    int
	answers map[int]message
	events  []message
	gone    error
}

// A message is a command, its answer, or an event.
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// startBrowser starts $CHROMIUM, or a Chromium in the path. Without one the test
// is skipped.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := os.Getenv("CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); path == "" && err == nil {
			path = found
		}
	}
	if path == "" {
		t.Skip("NOT TESTED IN A BROWSER: there is no Chromium; install it or set $CHROMIUM")
	}
	profile, err := os.MkdirTemp("", "chromium") //nolint:usetesting // whose directory must not be written to any more
	if err != nil {
		t.Fatal(err)
	}
	theirs, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read, theirsToo, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--remote-debugging-pipe", "--user-data-dir="+profile,
		"--no-sandbox", // which root and many containers cannot have; only this test's pages are opened
		"--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "about:blank")
	cmd.ExtraFiles = []*os.File{theirs, theirsToo} // 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	theirsToo.Close()
	b := &browser{t: t, write: write, answers: make(map[int]message)}
	b.changed = sync.NewCond(&b.mu)
	var reading sync.WaitGroup
	reading.Go(func() { b.read(bufio.NewReader(read)) })
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with its children
		_ = cmd.Wait()
		write.Close()
		read.Close()
		reading.Wait()
		if t.Failed() {
			t.Logf("Chromium wrote: %s", &log)
		}
		for deadline := time.Now().Add(patience); os.RemoveAll(profile) != nil && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond) // its last children are still going
		}
	})
	return b
}

func (b *browser) read(r *bufio.Reader) {
	for {
		text, err := r.ReadBytes(0)
		var m message
		if err == nil {
			err = json.Unmarshal(text[:len(text)-1], &m)
		}
		b.mu.Lock()
		switch {
		case err != nil:
			b.gone = err
		case m.ID != 0:
			b.answers[m.ID] = m
		default:
			b.events = append(b.events, m)
		}
		b.changed.Broadcast()
		b.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// wait waits until something is there.
func (b *browser) wait(what string, there func() bool) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	late := false
	timer := time.AfterFunc(patience, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		late = true
		b.changed.Broadcast()
	})
	defer timer.Stop()
	for !there() {
		if late || b.gone != nil {
			b.t.Fatalf("waiting for %s: %v", what, errors.Join(b.gone, map[bool]error{true: errors.New("it takes too long")}[late]))
		}
		b.changed.Wait()
	}
}

// do sends a command and decodes its result.
func (b *browser) do(session, method string, params, result any) {
	b.t.Helper()
	p, err := json.Marshal(params)
	if err != nil {
		b.t.Fatal(err)
	}
	b.sent++
	id := b.sent
	text, err := json.Marshal(message{ID: id, Session: session, Method: method, Params: p})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.write.Write(append(text, 0)); err != nil {
		b.t.Fatal(err)
	}
	var answer message
	b.wait("the answer to "+method, func() (ok bool) {
		answer, ok = b.answers[id]
		return ok
	})
	if answer.Error != nil {
		b.t.Fatalf("%s: %s", method, answer.Error.Message)
	}
	if result != nil {
		if err := json.Unmarshal(answer.Result, result); err != nil {
			b.t.Fatal(err)
		}
	}
}

// A screen is what a page is looked at with.
type screen struct {
	width, height int
	mobile        bool
	scheme        string // "light" or "dark"
}

func (s screen) String() string { return fmt.Sprintf("%d wide, %s", s.width, s.scheme) }

// A tab shows a page.
type tab struct {
	*browser
	session string
}

// open shows an address on a screen and waits until it is loaded.
func (b *browser) open(url string, s screen) *tab {
	b.t.Helper()
	type object = map[string]any
	var target struct{ TargetID string }
	b.do("", "Target.createTarget", object{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.do("", "Target.attachToTarget", object{"targetId": target.TargetID, "flatten": true}, &attached)
	tab := &tab{b, attached.SessionID}
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		tab.do(tab.session, domain+".enable", object{}, nil)
	}
	tab.do(tab.session, "Emulation.setDeviceMetricsOverride",
		object{"width": s.width, "height": s.height, "deviceScaleFactor": 1, "mobile": s.mobile}, nil)
	tab.do(tab.session, "Emulation.setEmulatedMedia",
		object{"features": []object{{"name": "prefers-color-scheme", "value": s.scheme}}}, nil)
	var navigated struct{ ErrorText string }
	tab.do(tab.session, "Page.navigate", object{"url": url}, &navigated)
	if navigated.ErrorText != "" {
		b.t.Fatalf("%s: %s", url, navigated.ErrorText)
	}
	b.wait("the page "+url, func() bool { return len(tab.seen("Page.loadEventFired")) > 0 })
	return tab
}

// seen are the parameters of the tab's events of a kind so far. The caller holds
// the lock.
func (t *tab) seen(method string) []json.RawMessage {
	var list []json.RawMessage
	for _, e := range t.events {
		if e.Session == t.session && e.Method == method {
			list = append(list, e.Params)
		}
	}
	return list
}

// evaluate returns what a JavaScript expression yields in the page. The page's
// own policy does not hold for it.
func (t *tab) evaluate(expression string, to any) {
	t.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	t.do(t.session, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer)
	if answer.ExceptionDetails != nil {
		t.t.Fatalf("%s: %s", expression, answer.ExceptionDetails)
	}
	if err := json.Unmarshal(answer.Result.Value, to); err != nil {
		t.t.Fatalf("%s: %v", expression, err)
	}
}

// complaints are what the browser wrote to its console: errors of the page, and
// what its policy forbade.
func (t *tab) complaints() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []string
	for _, method := range []string{"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"} {
		for _, e := range t.seen(method) {
			list = append(list, string(e))
		}
	}
	return list
}

// requests are the addresses that the page made the browser ask for.
func (t *tab) requests() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []string
	for _, e := range t.seen("Network.requestWillBeSent") {
		var params struct{ Request struct{ URL string } }
		if err := json.Unmarshal(e, &params); err != nil {
			t.t.Fatal(err)
		}
		list = append(list, params.Request.URL)
	}
	return list
}

// screenshot returns the page as a PNG: what the screen shows, or all of it.
func (t *tab) screenshot(whole bool) []byte {
	t.t.Helper()
	params := map[string]any{"format": "png"}
	if whole {
		var size struct{ Width, Height float64 }
		t.evaluate("({width: innerWidth, height: document.documentElement.scrollHeight})", &size)
		params["captureBeyondViewport"] = true
		params["clip"] = map[string]any{"x": 0, "y": 0, "width": size.Width, "height": size.Height, "scale": 1}
	}
	var answer struct{ Data string }
	t.do(t.session, "Page.captureScreenshot", params, &answer)
	png, err := base64.StdEncoding.DecodeString(answer.Data)
	if err != nil {
		t.t.Fatal(err)
	}
	return png
}

// press presses a key as a keyboard does.
func (t *tab) press(key string, code int) {
	t.t.Helper()
	text := map[string]string{"Enter": "\r"}[key]
	for _, kind := range []string{"keyDown", "keyUp"} {
		t.do(t.session, "Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text}, nil)
		text = ""
	}
}

// A node is what a screen reader knows of a part of a page.
type node struct {
	Role, Name string
	Level      int // of a heading
}

// outline is the page as a screen reader goes through it, without plain text.
func (t *tab) outline() []node {
	t.t.Helper()
	type value struct{ Value any }
	var tree struct {
		Nodes []struct {
			Ignored    bool
			NodeID     string `json:"nodeId"`
			ChildIDs   []string
			ParentID   string
			Role, Name value
			Properties []struct {
				Name  string
				Value value
			}
		}
	}
	t.do(t.session, "Accessibility.getFullAXTree", map[string]any{}, &tree)
	at := make(map[string]int)
	for i, n := range tree.Nodes {
		at[n.NodeID] = i
	}
	var list []node
	var walk func(i int)
	walk = func(i int) {
		n := tree.Nodes[i]
		role, _ := n.Role.Value.(string)
		if !n.Ignored && role != "StaticText" && role != "InlineTextBox" && role != "generic" && role != "none" {
			name, _ := n.Name.Value.(string)
			one := node{Role: role, Name: name}
			for _, p := range n.Properties {
				if level, ok := p.Value.Value.(float64); ok && p.Name == "level" {
					one.Level = int(level)
				}
			}
			list = append(list, one)
		}
		for _, id := range n.ChildIDs {
			if child, ok := at[id]; ok {
				walk(child)
			}
		}
	}
	if len(tree.Nodes) > 0 {
		walk(0)
	}
	return list
}
