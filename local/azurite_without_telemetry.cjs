// Azurite loads Application Insights even where its telemetry is off, which is most of what its start costs.
const { Module } = require("node:module");

const load = Module._load;
Module._load = function (name, ...rest) {
  return name === "applicationinsights" ? {} : load.call(this, name, ...rest);
};
