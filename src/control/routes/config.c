/* SPDX-License-Identifier: ISC */
/* config.c - /config: vm.conf read again, added to, forgotten; and the log */

#include <errno.h>
#include <string.h>

#include "control/config.h"
#include "control/control.h"
#include "control/http.h"
#include "control/routes/routes.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"
#include "priv/client.h"

/* For root and who started the daemon, or a token that may everything. */
static bool
refused(struct request *r)
{
	struct err e;

	if (request_caller(r)->all)
		return false;
	(void)err_api(&e, EPERM, "forbidden", "only root and the user who "
	    "started the daemon may do that");
	reply_err(r, &e);
	return true;
}

static void
on_report(void *arg, json_t *report, const struct err *e)
{
	if (e != NULL)
		reply_err(arg, e);
	else
		reply_json(arg, 200, json_incref(report));
}

void
route_config_reload(struct request *r)
{
	if (!refused(r))
		config_reload(request_context(r), on_report, r);
}

void
route_config_add(struct request *r)
{
	json_t *report = NULL;
	struct err e;

	if (refused(r))
		return;
	if (config_add(request_context(r), request_json(r),
	    request_socket(r), &report, &e) == -1)
		reply_err(r, &e);
	else
		reply_json(r, 200, report);
}

void
route_config_delete(struct request *r)
{
	json_t *report = NULL;

	if (refused(r))
		return;
	config_reset(request_context(r), &report);
	reply_json(r, 200, report);
}

/* --- the log -------------------------------------------------------------- */

void
route_log(struct request *r)
{
	static const char *const known[] = { "verbose", NULL };
	struct control *ctl = request_context(r);
	bool verbose = false;
	struct err e;

	if (refused(r))
		return;
	if (request_json(r) == NULL) {
		(void)err_api(&e, EINVAL, "invalid_request",
		    "a body with verbose is needed");
		reply_err(r, &e);
		return;
	}
	if (json_only(request_json(r), known, &e) == -1 ||
	    json_get_bool(&verbose, request_json(r), "verbose", &e) == -1) {
		reply_err(r, &e);
		return;
	}
	log_verbose(verbose);
	priv_verbose(ctl->priv, verbose, priv_ignore, NULL);
	reply_json(r, 200, json_pack("{s:b}", "verbose", verbose));
}
