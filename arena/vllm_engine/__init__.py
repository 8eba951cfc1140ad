"""The vLLM engine: local models write whole episodes inside one stock vLLM, through its plug-in points only.

`plan` is what one episode's row needs to know, as plain data; `rows` follows rows through their tokens; `members` is
what vLLM's processes are told about the agents. `model` (all agents as one model of vLLM), `processor` (who writes,
and which token), `worker` (weights) and `plugin` run inside vLLM; `environment` and `start` settle what vLLM is started
with, `weights` are handed over, and `engine` gives jobs and takes episodes. Only `model` and `processor` import vLLM
when they are imported.
"""
