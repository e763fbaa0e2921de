package geelarktest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// The documented statuses of a task ("Query task").
const (
	taskWaiting   = 1
	taskRunning   = 2
	taskCompleted = 3
	taskFailed    = 4
	taskCancelled = 7
)

// A Task is one as the API knows it.
type Task struct {
	ID         string
	Phone      string // the phone's id
	PlanName   string
	Type       int // 1, 2, 3, 4, 6 or 42
	Status     int // 1: waiting, 2: in progress, 3: completed, 4: failed, 7: cancelled
	FailCode   int // of a failed one, else 0
	ScheduleAt int64
	Cost       int // seconds that it took to complete or fail
}

// A TaskEnd is how tasks of a type ended.
type TaskEnd struct{ Type, Status, FailCode int }

// A task is one with what only the server knows about it.
type task struct {
	Task
	number   uint64
	made     int64 // Unix seconds
	phone    *phone
	name     string // the phone's when the task was made
	cancel   time.Time
	begun    time.Time
	ends     time.Time
	fate     int // the failure code that it will end with; 0: it completes
	woke     bool
	finished bool
}

// Tasks of the last week are shown.
const tasksFor = 7 * 24 * 3600

// tasks are an account's, in the order in which they were made. From time to
// time somebody makes a plan for a few phones of a group, whose tasks begin
// within the next half hour. A phone that is off is started for its task and
// stopped after it, and runs one task at a time.
type tasks struct {
	fleet     *fleet
	rng       *rand.Rand
	perDay    float64
	list      []*task
	forgotten uint64
	plans     int
	ends      map[TaskEnd]int
}

const (
	planEvery = 10 * time.Minute
	plansADay = int(24 * time.Hour / planEvery)
)

// newTasks returns nil when there are to be none.
func newTasks(f *fleet, perDay float64, seed uint64) *tasks {
	if perDay <= 0 {
		return nil
	}
	t := &tasks{fleet: f, rng: rand.New(rand.NewPCG(seed, streamTasks)), perDay: perDay, ends: map[TaskEnd]int{}}
	for _, p := range f.order {
		p.RPAStatus = 0 // which a task alone says now
	}
	f.events.push(f.now.Add(planEvery), event{})
	return t
}

// taskKinds are the documented types, how often each is and how long it takes.
var taskKinds = []struct {
	kind, share       int // shares add up to 100
	shortest, longest time.Duration
	names             []string
}{
	{1, 35, 2 * time.Minute, 8 * time.Minute, []string{"morning posts", "evening posts", "launch clips"}},
	{2, 30, 10 * time.Minute, 35 * time.Minute, []string{"warm-up", "new accounts"}},
	{3, 10, 2 * time.Minute, 7 * time.Minute, []string{"carousels"}},
	{4, 5, time.Minute, 4 * time.Minute, []string{"logins"}},
	{6, 5, time.Minute, 4 * time.Minute, []string{"spring profile"}},
	{42, 15, 3 * time.Minute, 20 * time.Minute, []string{"reels", "comments", "catalogue"}},
}

// Failure codes of tasks, in groups as the documents have them by hundreds.
var (
	failsOfNetwork = []int{20100, 20108, 20109, 20110, 29996}
	failsOfApp     = []int{20136, 20136, 20136, 20137}
	failsAtTimes   = []int{20003, 20100, 20116, 20129, 20129, 20130, 20200, 20201, 20213, 20257, 20258, 20334, 20401, 20503, 29994, 29999}
)

const (
	failBusy    = 20002
	failOffline = 20129
	failStart   = 29992
	failProxy   = 29996
	failBalance = 29997
	failGone    = 29998
)

// failDescs says in a few words what a code means.
var failDescs = map[int]string{
	20002: "machine busy with another task", 20003: "execution timed out", 20100: "no network connection",
	20108: "no network connection", 20109: "proxy could not be set", 20110: "proxy address could not be obtained",
	20116: "account not logged in", 20129: "device offline", 20130: "wrong account password", 20136: "account blocked",
	20137: "account blocked, appeal possible", 20200: "file download failed", 20201: "video upload failed",
	20213: "publish button failed", 20257: "video upload timed out", 20258: "element not found",
	20334: "email verification required", 20401: "profile page not reached", 20503: "user not found",
	29992: "environment startup failed", 29994: "network unstable", 29996: "proxy detection failed",
	29997: "insufficient balance", 29998: "cloud phone deleted", 29999: "unknown error",
}

// plan makes the tasks of one plan and sets the time for the next.
func (t *tasks) plan(at time.Time) {
	f := t.fleet
	f.events.push(at.Add(planEvery), event{})
	t.forget(at.Unix())
	// What the day's number leaves over for one plan is rounded by chance.
	wanted := float64(len(f.order)) * t.perDay * planEvery.Hours() / 24
	n := int(wanted)
	if t.rng.Float64() < wanted-float64(n) {
		n++
	}
	if n == 0 {
		return
	}
	kind := taskKinds[0]
	for c, i := t.rng.IntN(100), 0; i < len(taskKinds); i++ {
		if kind = taskKinds[i]; c < kind.share {
			break
		}
		c -= kind.share
	}
	name := kind.names[t.rng.IntN(len(kind.names))]
	planned := t.planned()
	for range n {
		p := f.order[t.rng.IntN(len(f.order))]
		for tries := 0; f.calm && (p.Status != started || planned[p]) && tries < 20; tries++ {
			p = f.order[t.rng.IntN(len(f.order))]
		}
		planned[p] = true
		scheduled := at.Add(time.Duration(t.rng.Int64N(int64(30 * time.Minute))))
		made := &task{
			Task:   Task{Phone: p.ID, PlanName: name, Type: kind.kind, Status: taskWaiting, ScheduleAt: scheduled.Unix()},
			number: t.forgotten + uint64(len(t.list)),
			made:   at.Unix(),
			phone:  p,
			name:   p.SerialName,
		}
		made.ID = entryID(made.number)
		next := scheduled
		if t.rng.IntN(50) == 0 { // somebody changes their mind
			made.cancel = at.Add(time.Duration(t.rng.Int64N(int64(scheduled.Sub(at)) + 1)))
			next = made.cancel
		}
		t.list = append(t.list, made)
		f.events.push(next, event{task: made})
	}
}

// planned returns the phones that have a task to do: who plans well gives them no
// other.
func (t *tasks) planned() map[*phone]bool {
	planned := make(map[*phone]bool)
	for _, k := range t.list {
		if !k.finished {
			planned[k.phone] = true
		}
	}
	return planned
}

// forget drops, once a day, tasks that were scheduled before the last week and have ended.
func (t *tasks) forget(now int64) {
	if t.plans++; t.plans%plansADay != 0 {
		return
	}
	n := 0
	for n < len(t.list) && t.list[n].finished && t.list[n].ScheduleAt < now-tasksFor {
		n++
	}
	if n > len(t.list)/2 {
		t.forgotten += uint64(n)
		t.list = slices.Delete(t.list, 0, n)
	}
}

// step does what is due for a task.
func (t *tasks) step(k *task, at time.Time) {
	switch {
	case k.finished:
	case !k.cancel.IsZero():
		t.end(k, taskCancelled, 0, at)
	case k.Status == taskWaiting:
		t.begin(k, at)
	case k.ends.IsZero(): // still waits for its phone, which went another way
		t.end(k, taskFailed, failStart, at)
	default:
		t.finish(k, at)
	}
}

// begin has a task's phone run it, or wait for it.
func (t *tasks) begin(k *task, at time.Time) {
	f, p := t.fleet, k.phone
	trouble := f.troubleOf(p)
	switch {
	case f.phones[p.ID] == nil:
		t.end(k, taskFailed, failGone, at)
	case p.Status == expired:
		t.end(k, taskFailed, failStart, at)
	case p.task != nil:
		t.end(k, taskFailed, failBusy, at)
	case p.stopping:
		t.end(k, taskFailed, failOffline, at)
	case p.Status == started:
		k.Status, k.begun = taskRunning, at
		p.task = k
		t.run(k, at)
	case p.Status == starting:
		k.Status, k.begun = taskRunning, at
		p.task = k
		f.events.push(at.Add(10*time.Minute), event{task: k})
	case trouble.Devices: // it waits, and is tried again
		f.events.push(at.Add(time.Minute), event{task: k})
	case trouble.Proxies:
		t.end(k, taskFailed, failProxy, at)
	default:
		if f.startable(p) != 0 {
			t.end(k, taskFailed, failBalance, at)
			return
		}
		k.Status, k.begun, k.woke = taskRunning, at, true
		p.task = k
		f.enter(p, starting, at)
		f.events.push(at.Add(10*time.Minute), event{task: k})
	}
}

// run begins a task on a phone that is started, and decides how it will end.
func (t *tasks) run(k *task, at time.Time) {
	if !k.ends.IsZero() {
		return
	}
	var takes time.Duration
	for _, kind := range taskKinds {
		if kind.kind == k.Type {
			takes = kind.shortest + time.Duration(t.rng.Int64N(int64(kind.longest-kind.shortest)))
		}
	}
	trouble := t.fleet.troubleOf(k.phone)
	pick := func(codes []int) int { return codes[t.rng.IntN(len(codes))] }
	switch {
	case trouble.Proxies:
		k.fate, takes = pick(failsOfNetwork), takes/8+20*time.Second
	case trouble.App:
		k.fate, takes = pick(failsOfApp), takes/4
	case t.rng.IntN(25) == 0:
		k.fate, takes = pick(failsAtTimes), takes/2
	}
	k.ends = at.Add(takes)
	k.phone.RPAStatus = 1
	t.fleet.events.push(k.ends, event{task: k})
}

// finish ends a task that ran, unless it is not yet time.
func (t *tasks) finish(k *task, at time.Time) {
	p := k.phone
	switch {
	case at.Before(k.ends):
		return
	case t.fleet.phones[p.ID] == nil:
		t.end(k, taskFailed, failGone, at)
	case p.Status != started && t.fleet.usage != nil && t.fleet.usage.empty():
		t.end(k, taskFailed, failBalance, at)
	case p.Status != started:
		t.end(k, taskFailed, failOffline, at)
	case k.fate != 0:
		t.end(k, taskFailed, k.fate, at)
	default:
		t.end(k, taskCompleted, 0, at)
	}
}

// end ends a task and lets its phone go.
func (t *tasks) end(k *task, status, code int, at time.Time) {
	k.finished, k.Status, k.FailCode = true, status, code
	if !k.begun.IsZero() {
		k.Cost = int(at.Sub(k.begun).Seconds())
	}
	t.ends[TaskEnd{k.Type, status, code}]++
	p := k.phone
	if p.task != k {
		return
	}
	p.task = nil
	p.RPAStatus = 0
	if k.ends.IsZero() { // never ran
		return
	}
	t.fleet.usage.rpa(p, at, (k.Cost+59)/60)
	if k.woke && p.Status == started && t.fleet.phones[p.ID] != nil {
		t.fleet.stop(p)
	}
}

// TaskEnds returns how tasks have ended since the server began: the truth
// that a reader of tasks should arrive at.
func (s *Server) TaskEnds() map[TaskEnd]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	ends := map[TaskEnd]int{}
	if s.fleet.tasks != nil {
		maps.Copy(ends, s.fleet.tasks.ends)
	}
	return ends
}

// Tasks returns the tasks of the last week, in the order in which they were
// made.
func (s *Server) Tasks() []Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	var all []Task
	if t := s.fleet.tasks; t != nil {
		for _, k := range t.list {
			if t.remembered(k) {
				all = append(all, k.Task)
			}
		}
	}
	return all
}

// remembered reports whether the API still shows a task.
func (t *tasks) remembered(k *task) bool {
	return k.ScheduleAt >= t.fleet.now.Unix()-tasksFor
}
