package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"jobdb"
	"jobdb/choose"
)

type topCommand struct {
	jobArguments
	clientSettings
	chooseFlags

	Every time.Duration `help:"Ask the server this often." default:"5s" placeholder:"TIME"`
}

// Help is printed by jobdb top --help.
func (*topCommand) Help() string {
	return `Shows jobs on the whole terminal: how many there are by status, and those that changed last. They can be filtered, marked, killed,
rescheduled and deleted. The key ? shows all keys.

Examples:

  jobdb top --mine
  jobdb top Status=Running,Stalled --site LCG.CERN.cern` + chooseHelp + whoHelp
}

// Run shows jobs until the user leaves.
func (c *topCommand) Run(ctx context.Context, p *program) error {
	if c.Every < time.Second {
		return usageError{errors.New("--every must be at least 1s")}
	}
	if !isTerminal(p.stdin) || !isTerminal(p.stdout) {
		return usageError{errors.New("top needs a terminal; jobdb watch prints elsewhere, too")}
	}
	server, err := c.client(ctx, p)
	if err != nil {
		return err
	}
	chosen, err := c.choose(p, c.Jobs, server.user())
	if err != nil {
		return err
	}
	silent := &program{stdout: io.Discard, stderr: io.Discard, clock: p.clock} // messages would spoil the screen
	defer silent.end()                                                         //nolint:errcheck // nobody reads it any more
	server.program = silent
	m := newTop(ctx, p, server, chosen, c.Every)
	m.connect = func() (*client, error) { return c.client(ctx, silent) }
	if _, _, err := m.ask(); err != nil {
		return err // while messages are still seen
	}
	_, err = tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(p.stdin), tea.WithOutput(p.stdout)).Run()
	if ctx.Err() != nil || errors.Is(err, tea.ErrInterrupted) {
		return nil // the way to leave
	}
	return err
}

// topJob is a job as top shows it.
type topJob struct {
	JobID          jobdb.JobID
	Status         jobdb.Status
	MinorStatus    string
	Site           string
	JobName        string
	Owner          string
	LastUpdateTime string
}

// topMode decides what keys mean.
type topMode int

const (
	inList topMode = iota
	inFilter
	inQuestion // whether an action is meant
	inReason   // of an action
	inText     // a text that covers the list
)

// top is the model of bubbletea: what the screen shows. Keys and answers change it, one after the
// other.
type top struct {
	ctx    context.Context // of the program; bubbletea passes none to its commands
	p      *program
	server *client
	every  time.Duration

	connect func() (*client, error) // makes the client of an action, which may need another token than a question

	base   choose.Choice // of the command line
	filter string        // in force, beside base
	chosen choose.Choice // both

	width, height int
	mode          topMode
	line          string // that the user is writing
	message       string

	jobs    []topJob
	counts  statusCounts
	asked   time.Time // when they were
	failed  string    // error of the last question
	number  int       // of the latest question; answers to earlier ones are dropped
	cursor  jobdb.JobID
	at      int // of the cursor in jobs
	first   int // job on the screen
	marks   map[jobdb.JobID]bool
	byID    bool // sorted by JobID, not by the last update
	pending *topAction
	text    []string // that is read
	from    int      // its first line on the screen
}

func newTop(ctx context.Context, p *program, server *client, chosen choose.Choice, every time.Duration) *top {
	return &top{
		ctx: ctx, p: p, server: server, every: every, base: chosen, chosen: chosen, marks: map[jobdb.JobID]bool{}, width: 80, height: 24,
	}
}

// topShown is how many jobs are asked for: more than a screen has lines.
const topShown = 200

// ask asks for the jobs, and for their counts by status.
func (m *top) ask() ([]topJob, statusCounts, error) {
	parts := queries(m.chosen)
	counts, err := m.server.statusCounts(m.ctx, parts)
	if err != nil {
		return nil, nil, err
	}
	request := jobdb.SearchRequest{
		Parameters: []string{"JobID", "Status", "MinorStatus", "Site", "JobName", "Owner", "LastUpdateTime"},
		Sort:       []jobdb.SortSpec{{Parameter: "LastUpdateTime", Direction: "desc"}},
	}
	if m.byID || len(parts) > 1 {
		request.Sort[0].Parameter = "JobID"
	}
	var jobs []topJob
	for _, part := range parts {
		if len(jobs) >= topShown {
			break
		}
		request.Search = part
		err := m.server.eachPage(m.ctx, request, topShown-len(jobs), func(_ answer, rows []row) error {
			for _, r := range rows {
				var job topJob
				if err := r.decode(&job); err != nil {
					return err
				}
				jobs = append(jobs, job)
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return jobs, counts, nil
}

// topAnswer is the answer to a question of refresh.
type topAnswer struct {
	number int
	jobs   []topJob
	counts statusCounts
	err    error
}

// topTick says that it is time to ask again.
type topTick struct{ number int }

// refresh asks now, in the background.
func (m *top) refresh() tea.Cmd {
	m.number++
	now := *m // a copy, for the filter may change before the answer comes
	return func() tea.Msg {
		jobs, counts, err := now.ask()
		return topAnswer{now.number, jobs, counts, err}
	}
}

// Init asks for the first time.
func (m *top) Init() tea.Cmd { return tea.Batch(m.refresh(), everySecond()) }

// topSecond has the screen drawn again, with the times as they are now.
type topSecond struct{}

func everySecond() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return topSecond{} })
}

// Update takes a key or an answer.
func (m *top) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tea.PasteMsg:
		if m.mode == inFilter || m.mode == inReason || m.mode == inQuestion {
			m.line += printable(msg.Content)
		}
	case topSecond:
		return m, everySecond()
	case topTick:
		if msg.number == m.number {
			return m, m.refresh()
		}
	case topAnswer:
		return m, m.take(msg)
	case topPreview:
		m.takePreview(msg)
	case topDone:
		return m, m.takeDone(msg)
	case topDetails:
		m.takeDetails(msg)
	}
	m.keepCursor()
	return m, nil
}

// take shows an answer, and asks again after a while. It removes the marks of jobs that aren't
// shown any more, so that nobody acts on jobs that they don't see.
func (m *top) take(a topAnswer) tea.Cmd {
	if a.number != m.number {
		return nil
	}
	if m.failed = ""; a.err != nil {
		m.failed = printable(a.err.Error())
	} else {
		m.jobs, m.counts, m.asked = a.jobs, a.counts, m.p.clock()
		for id := range m.marks {
			if !slices.ContainsFunc(m.jobs, func(job topJob) bool { return job.JobID == id }) {
				delete(m.marks, id)
			}
		}
	}
	m.keepCursor()
	return tea.Tick(m.every, func(time.Time) tea.Msg { return topTick{a.number} })
}

// keepCursor keeps the cursor on its job where the jobs have moved, and the job on the screen.
func (m *top) keepCursor() {
	if at := slices.IndexFunc(m.jobs, func(job topJob) bool { return job.JobID == m.cursor }); at >= 0 {
		m.at = at
	}
	m.moveTo(m.at)
}

// moveTo moves the cursor to a job, as far as there are any.
func (m *top) moveTo(at int) {
	m.at = max(0, min(at, len(m.jobs)-1))
	if len(m.jobs) > 0 {
		m.cursor = m.jobs[m.at].JobID
	}
	lines := m.listHeight()
	m.first = max(0, min(m.first, len(m.jobs)-lines))
	m.first = max(min(m.first, m.at), m.at-lines+1)
}
