
// What the recording adds to the installer's settings. Sessions, messages and
// parsed pages are kept in the database, and jobs run at the end of requests.
$wgEnableUploads = true;
$wgUploadDirectory = getenv('WIKI_UPLOADS');
$wgUploadPath = '/uploads';
$wgUseImageMagick = false;
$wgJobRunRate = 1;
$wgRunJobsAsync = false;
$wgEnableEmail = false;
$wgUsePathInfo = false;
$wgMainCacheType = CACHE_NONE;
$wgSessionCacheType = CACHE_DB;
$wgMessageCacheType = CACHE_DB;
$wgParserCacheType = CACHE_DB;
$wgRateLimits = [];
$wgPasswordAttemptThrottle = false;
$wgAccountCreationThrottle = 0;
$wgDiff = false;
$wgDiff3 = false;
$wgAllowCopyUploads = false;
$wgMiserMode = false;
$wgShowExceptionDetails = true;
$wgPasswordDefault = 'A';
$wgPasswordConfig['A'] = ['class' => 'MWSaltedPassword'];
$wgGroupPermissions['user']['delete'] = true;
$wgGroupPermissions['user']['undelete'] = true;
$wgGroupPermissions['user']['move'] = true;
$wgGroupPermissions['user']['nuke'] = true;
$wgGroupPermissions['user']['replacetext'] = true;
$wgGroupPermissions['user']['protect'] = true;
