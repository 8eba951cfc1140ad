"""A study's server: participants' screens come by websocket, the page and nothing else by HTTP."""
