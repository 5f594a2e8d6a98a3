package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
	"jobdb/wms"
)

// actionRequest asks for an action on many jobs: those with some IDs, or all that a search finds.
type actionRequest struct {
	kind     wms.ActionKind
	ids      []jobdb.JobID
	bySearch bool
	search   []jobdb.FilterSpec
	reason   string
	dryRun   bool
}

// maxReason is how many characters the reason of an action may have.
const maxReason = 1000

func readActionObject(in *validation.Reader, value any) (request actionRequest) {
	o, ok := readKnown(in, value, "action", "ids", "search", "reason", "dry_run")
	if !ok {
		return request
	}
	if kind, ok := in.Required(o, "action", validation.Body); ok {
		kinds := make([]string, len(wms.ActionKinds))
		for i, kind := range wms.ActionKinds {
			kinds[i] = string(kind)
		}
		request.kind = wms.ActionKind(in.OneOf(kind, validation.Body.At("action"), kinds...))
	}
	ids, named := o.Get("ids")
	filters, searched := o.Get("search")
	switch {
	case named == searched:
		in.Fault("value_error", validation.Body, "must have either ids or search, and not both", nil)
	case named:
		request.ids = readIDs(in, ids, validation.Body.At("ids"))
	default:
		request.bySearch, request.search = true, readFilters(in, filters, validation.Body.At("search"))
	}
	if reason, given := o.Get("reason"); given {
		request.reason, _ = in.Text(reason, validation.Body.At("reason"))
		if len([]rune(request.reason)) > maxReason {
			in.Fault("string_too_long", validation.Body.At("reason"), "must have at most 1000 characters", nil)
		}
	}
	if dryRun, given := o.Get("dry_run"); given {
		request.dryRun, _ = in.Bool(dryRun, validation.Body.At("dry_run"))
	}
	return request
}

// readIDs reads a list of IDs of jobs, at least one.
func readIDs(in *validation.Reader, value any, at validation.Location) []jobdb.JobID {
	list, ok := in.List(value, at)
	if ok && len(list) == 0 {
		in.Fault("too_short", at, "must have at least one job", nil)
	}
	ids := make([]jobdb.JobID, len(list))
	for i, item := range list {
		n, ok := in.Integer(item, at.At(i))
		if ok && n < 1 {
			in.Fault("greater_than_equal", at.At(i), "must be 1 or more", nil)
		}
		ids[i] = jobdb.JobID(n)
	}
	return ids
}

// previewAnswer says what an action would do.
type previewAnswer struct {
	Can      int64                   `json:"can"`
	Cannot   map[string]cannotAnswer `json:"cannot"`
	ByStatus map[jobdb.Status]int64  `json:"by_status"`
	Missing  int64                   `json:"missing"`
	NotYours int64                   `json:"not_yours"`
}

type cannotAnswer struct {
	Count  int64  `json:"count"`
	Reason string `json:"reason"`
}

func previewOf(p wms.Preview) previewAnswer {
	answer := previewAnswer{Can: p.Can, Cannot: map[string]cannotAnswer{}, ByStatus: p.ByStatus, Missing: p.Missing, NotYours: p.NotYours}
	for status, cannot := range p.Cannot {
		answer.Cannot[string(status)] = cannotAnswer(cannot)
	}
	return answer
}

// actionAnswer is an action and its progress. One that was only previewed has no ID.
type actionAnswer struct {
	ID      int64           `json:"id,omitempty"`
	Action  string          `json:"action"`
	Reason  string          `json:"reason"`
	Search  json.RawMessage `json:"search,omitempty"` // null if IDs were given; lists of actions leave it out
	Owner   string          `json:"owner"`
	State   string          `json:"state"`
	Created *wireTime       `json:"created"`
	Updated *wireTime       `json:"updated"`
	Total   int64           `json:"total"`
	Done    int64           `json:"done"`
	Refused int64           `json:"refused"`
	Failed  int64           `json:"failed"`
	previewAnswer
}

func actionOf(a jobdb.Action) (actionAnswer, error) {
	answer := actionAnswer{
		ID: a.ID, Action: a.Kind, Reason: a.Reason, Search: json.RawMessage(a.Question), Owner: a.Username, State: string(a.State),
		Created: nonZero(a.CreateTime), Updated: nonZero(a.TurnTime),
		Total: a.Total, Done: a.Done, Refused: a.Refused, Failed: a.Failed,
	}
	return answer, json.Unmarshal([]byte(a.Preview), &answer.previewAnswer)
}

// startAction begins an action on jobs, or previews it. A request that is sent again with the same
// Idempotency-Key gets the action that it began the first time.
func (s *service) startAction(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	request, err := readRequest(body, readActionObject)
	if err != nil {
		return err
	}
	memory.decoded()
	scope, err := s.actionScope(p, auth.Manage)
	if err != nil {
		return err
	}
	if !request.dryRun && !s.DB.HasActions() {
		return errNoActions
	}
	key, err := s.readIdempotencyKey(r)
	if err != nil {
		return err
	}
	asked, err := json.Marshal([]any{request.kind, request.ids, request.search, request.reason})
	if err != nil {
		return err
	}
	question, err := json.Marshal(request.search) // as it was asked; null if IDs were given
	if err != nil {
		return err
	}
	ids, preview, err := s.preview(r.Context(), p, scope, &request)
	if err != nil {
		return err
	}
	action := jobdb.Action{
		VO: scope.VO, Owner: scope.Owner, Hidden: scope.Hidden, Username: p.Username, Kind: string(request.kind), Reason: request.reason,
		Question: string(question), State: "preview", Total: preview.Total,
	}
	text, err := json.Marshal(previewOf(preview))
	if err != nil {
		return err
	}
	action.Preview = string(text)
	if !request.dryRun {
		action, err = change(r.Context(), s, p, memory, func(ctx context.Context) (jobdb.Action, error) {
			if key == "" {
				return s.Jobs.StartAction(ctx, action, ids)
			}
			return s.Jobs.StartActionOnce(ctx, action, ids, key, string(asked))
		})
		if errors.Is(err, wms.ErrOtherAction) {
			return usedKey(err)
		}
		if err != nil {
			return err
		}
		addToLog(r, slog.Int64("action", action.ID), slog.String("kind", action.Kind), slog.Int64("jobs", action.Total), slog.String("reason", action.Reason))
	}
	return writeAction(w, action)
}

// preview finds the jobs of an action when it is the caller's turn.
func (s *service) preview(ctx context.Context, p auth.Principal, scope wms.Scope, request *actionRequest) (ids []jobdb.JobID, preview wms.Preview, err error) {
	if !request.bySearch {
		return previewInTurn(ctx, s.pages, p, nil, func(ctx context.Context) ([]jobdb.JobID, wms.Preview, error) {
			return s.Jobs.PreviewJobs(ctx, scope, request.kind, request.ids)
		})
	}
	found := jobdb.Scope{VO: scope.VO, Owner: scope.Owner}
	query, _, err := queryIn(ctx, s, func(invalid error) (jobdb.Scope, error) { return found, invalid }, &request.search,
		func(limits jobdb.Limits) (jobdb.Search, error) {
			return jobdb.SearchRequest{Search: request.search}.Parse(limits)
		})
	if err != nil {
		return nil, preview, err
	}
	return previewInTurn(ctx, s.costly, p, s.costOf(found, query.Filter), func(ctx context.Context) ([]jobdb.JobID, wms.Preview, error) {
		return s.Jobs.PreviewSearch(ctx, scope, request.kind, query.Filter)
	})
}

// previewInTurn is inTurn for a preview, which has two results.
func previewInTurn(
	ctx context.Context, class *gate, p auth.Principal, cost costOf, find func(context.Context) ([]jobdb.JobID, wms.Preview, error),
) (ids []jobdb.JobID, preview wms.Preview, err error) {
	preview, err = inTurn(ctx, class, p, cost, func(ctx context.Context) (found wms.Preview, err error) {
		ids, found, err = find(ctx)
		return found, err
	})
	return ids, preview, err
}

var errNoActions = &httpError{
	status: http.StatusNotImplemented,
	detail: "this server works on a database of DiracX or DIRAC, to which it adds no tables, so it can keep no actions; " +
		"send the jobs, some at a time, to PATCH /api/jobs/status and POST /api/jobs/reschedule, or use dry_run",
}

func writeAction(w http.ResponseWriter, action jobdb.Action) error {
	answer, err := actionOf(action)
	if err != nil {
		return err
	}
	return writeValue(w, answer)
}

// seenActions returns which actions a caller may see: their own, or all of the VO.
func (s *service) seenActions(p auth.Principal) (jobdb.ActionScope, error) {
	scope, err := s.actionScope(p, auth.Manage)
	if err == nil && !s.DB.HasActions() {
		err = errNoActions
	}
	if scope.Owner == "" {
		return jobdb.ActionScope{VO: scope.VO}, err
	}
	return jobdb.ActionScope{VO: scope.VO, Username: p.Username}, err
}

// How many actions, and about how many outcomes, an answer has.
const (
	defaultActions  = 50
	maxActions      = 200
	defaultOutcomes = 1000
	maxOutcomes     = 10_000
)

// listActions answers with past actions, the newest first.
func (s *service) listActions(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	var in validation.Reader
	before := int64(in.QueryCount(r.URL.Query(), "before", 0, validation.MaxCount))
	limit := in.QueryCount(r.URL.Query(), "per_page", defaultActions, maxActions)
	if err := in.Err(); err != nil {
		return err
	}
	scope, err := s.seenActions(p)
	if err != nil {
		return err
	}
	list, err := inTurn(r.Context(), s.pages, p, nil, func(ctx context.Context) ([]jobdb.Action, error) {
		return s.DB.Actions(ctx, scope, before, limit)
	})
	if err != nil {
		return err
	}
	answers := make([]actionAnswer, len(list))
	for i, action := range list {
		if answers[i], err = actionOf(action); err != nil {
			return err
		}
	}
	return writeValue(w, answers)
}

// action answers with an action, and with outcomes of its jobs where the request asks for them.
func (s *service) action(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	var in validation.Reader
	id, _ := in.Integer(r.PathValue("action_id"), validation.Location{"path", "action_id"})
	wanted := readOutcomes(&in, r)
	if err := in.Err(); err != nil {
		return err
	}
	scope, err := s.seenActions(p)
	if err != nil {
		return err
	}
	answer, err := inTurn(r.Context(), s.pages, p, nil, func(ctx context.Context) (any, error) {
		action, err := s.DB.Action(ctx, scope, id)
		if err != nil {
			return nil, err
		}
		answer, err := actionOf(action)
		if err != nil || wanted.kind == "" {
			return answer, err
		}
		outcomes, next, err := s.outcomes(ctx, action, wanted)
		return struct {
			actionAnswer
			Outcomes []outcomeAnswer `json:"outcomes"`
			Next     *int64          `json:"next"`
		}{answer, outcomes, next}, err
	})
	if err != nil {
		return err
	}
	return writeValue(w, answer)
}

// stopAction ends an action.
func (s *service) stopAction(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	var in validation.Reader
	id, _ := in.Integer(r.PathValue("action_id"), validation.Location{"path", "action_id"})
	if err := in.Err(); err != nil {
		return err
	}
	scope, err := s.seenActions(p)
	if err != nil {
		return err
	}
	action, err := inTurn(r.Context(), s.actions, p, nil, func(ctx context.Context) (jobdb.Action, error) {
		return s.DB.StopAction(ctx, scope, id)
	})
	if err != nil {
		return err
	}
	addToLog(r, slog.Int64("action", id), slog.String("state", string(action.State)))
	return writeAction(w, action)
}
